/** The README of each package: what it is, and what the very binaries in it need from a system. */
import { MAIN } from './places.mjs'

/** The part of the repository's README that tells which platforms there are. */
const PLATFORMS = /<!-- platforms -->[\s\S]*<!-- end of platforms -->/

/** Systems and processors as readers name them. */
const NAMES = { linux: 'Linux', darwin: 'macOS', win32: 'Windows', x64: 'x86-64', arm64: 'ARM64' }

/** What Windows may lack. No package can bring it. */
const WINDOWS_NEEDS =
  'the Microsoft Visual C++ Redistributable for x64, of Visual Studio 2022 17.8 or newer: older ones lack VCRUNTIME140_THREADS.dll'

/**
 * The main package's: the repository's, with the platforms of the addons that it names.
 *
 * @param {string} readme
 * @param {import('./manifests.mjs').AddonManifest[]} addons
 */
export function mainReadme(readme, addons) {
  if (!PLATFORMS.test(readme))
    throw new Error('Expected the comments "platforms" and "end of platforms" in README.md, but they are not there.')
  const lines = addons.map(({ os, cpu, torchRnnMnist }) => `- ${NAMES[os[0]]} on ${NAMES[cpu[0]]}${needs(os[0], ' with ', torchRnnMnist)}`)
  return readme.replace(PLATFORMS, () => `This version has them for:\n\n${lines.sort().join('\n')}`)
}

/** @param {import('./manifests.mjs').AddonManifest} manifest */
export function addonReadme({ name, os, cpu, torchRnnMnist }) {
  return `# ${name}

The native part of \`${MAIN.name}\` for ${os}-${cpu}, which installs it where it fits; it is of no use by itself.
${needs(os[0], '\nIt needs ', torchRnnMnist, '.\n')}`
}

/**
 * @param {import('./places.mjs').PackageName} libtorch
 * @param {string} platform - "linux-x64".
 * @param {import('./manifests.mjs').SystemNeeds} floors
 */
export function libtorchReadme({ name, version }, platform, floors) {
  const [os] = platform.split('-')
  return `# ${name}

libtorch ${version} for the CPU on ${platform}, taken out of PyTorch's own wheels${os === 'linux' ? ', with its symbols stripped' : ''}. The package
\`${MAIN.name}\` installs it where it fits; it is of no use by itself. Its owners and their terms are in LICENSE.
${needs(os, '\nIt needs ', floors, '.\n')}`
}

/** @param {string} os @param {string} before @param {import('./manifests.mjs').SystemNeeds} measured @param {string} [after] */
function needs(os, before, { glibc, glibcxx, macos }, after = '') {
  const all = [
    ...(glibc === undefined ? [] : [`glibc ${glibc} or newer`]),
    ...(glibcxx === undefined ? [] : [`a libstdc++ that has GLIBCXX_${glibcxx}`]),
    ...(macos === undefined ? [] : [`macOS ${macos} or newer`]),
    ...(os === 'win32' ? [WINDOWS_NEEDS] : []),
  ]
  return all.length === 0 ? '' : `${before}${all.join(' and ')}${after}`
}
