/** The libraries that each system has, and where binaries may look for the others. */

/** The libraries of every Linux with glibc. Node itself needs libstdc++ and libgcc_s. */
const LINUX_LIBRARIES = new Set([
  ...['libc.so.6', 'libm.so.6', 'libdl.so.2', 'librt.so.1', 'libpthread.so.0', 'libutil.so.1'],
  ...['libstdc++.so.6', 'libgcc_s.so.1', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'],
])

const WINDOWS_LIBRARIES = new Set([
  ...['advapi32.dll', 'dbghelp.dll', 'imagehlp.dll', 'iphlpapi.dll', 'kernel32.dll', 'psapi.dll', 'user32.dll', 'userenv.dll'],
  ...['wintrust.dll', 'ws2_32.dll'],
  // The Visual C++ runtime, which users may have to install; the package's README names it.
  ...['msvcp140.dll', 'msvcp140_1.dll', 'msvcp140_atomic_wait.dll'],
  ...['vcruntime140.dll', 'vcruntime140_1.dll', 'vcruntime140_threads.dll'],
  // The program that loads an addon. A hook in the addon finds it even when it has another name.
  'node.exe',
])

/**
 * @typedef {object} System
 * @property {string} name - Of its kind: "every Linux".
 * @property {RegExp} library - Matches the file names of the libraries that are packed; the import libraries of Windows are for building.
 * @property {(needed: string) => boolean} has - Whether a library that a binary needs is part of the system.
 * @property {(needed: string) => string} fileOf - The name of a needed library, or of a file, in a package.
 * @property {string} pathsName - The system's name for the list of folders in which a binary looks for libraries.
 * @property {string} here - The beginning of a folder in that list that is relative to the binary.
 * @property {boolean} wantsSignature - Whether only signed binaries load.
 */

/** @type {Record<string, System>} */
const SYSTEMS = {
  linux: {
    name: 'every Linux',
    library: /\.so(\.\d+)?$/,
    has: (needed) => LINUX_LIBRARIES.has(needed),
    fileOf: (needed) => needed,
    pathsName: 'RPATH or RUNPATH',
    here: '$ORIGIN',
    wantsSignature: false,
  },
  darwin: {
    name: 'every macOS',
    library: /\.dylib$/,
    has: (needed) => /^\/(usr\/lib|System\/Library\/Frameworks)\//.test(needed),
    // Any other path stays unchanged, so that no package has it.
    fileOf: (needed) => needed.replace(/^@(rpath|loader_path)\//, ''),
    pathsName: 'LC_RPATH',
    here: '@loader_path',
    wantsSignature: true,
  },
  win32: {
    name: 'every Windows',
    library: /\.dll$/,
    has: (needed) => WINDOWS_LIBRARIES.has(needed.toLowerCase()) || /^api-ms-win-crt-[a-z0-9-]+\.dll$/i.test(needed),
    fileOf: (needed) => needed.toLowerCase(),
    pathsName: 'search path',
    here: '.', // A DLL has no such list: the program that opens it decides.
    wantsSignature: false,
  },
}

/** @param {string} platform - "linux-x64". */
export function systemOf(platform) {
  return SYSTEMS[platform.split('-')[0]]
}
