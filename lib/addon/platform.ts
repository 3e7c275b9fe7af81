/** The running platform: what its packages and libraries are called. */

/** The running platform, as the names of its packages end: "linux-x64". */
export const PLATFORM = `${process.platform}-${process.arch}`

/** What the program of Python 3 is called on a platform such as "linux-x64". On Windows, `python3` only opens a shop. */
export function pythonName(platform: string): string {
  return platform.startsWith('win32-') ? 'python' : 'python3'
}

/** What it is called on the running platform. */
export const PYTHON = pythonName(PLATFORM)

/** File names of libtorch's libraries on one platform. */
interface LibraryNames {
  /** What libtorch needs beside itself, in the order in which it must be opened. What is not there is skipped. */
  readonly dependencies: readonly string[]
  readonly cpu: string
  readonly cuda: readonly string[]
  /** The library of NVIDIA's driver. Without it, the CUDA libraries are not opened. */
  readonly cudaDriver: string
}

const LINUX: LibraryNames = {
  dependencies: ['libgomp.so.1', 'libcudart.so.13', 'libcupti.so.13', 'libc10.so'],
  cpu: 'libtorch_cpu.so',
  cuda: ['libc10_cuda.so', 'libtorch_cuda.so'],
  cudaDriver: 'libcuda.so.1',
}
const LINUX_ARM64: LibraryNames = {
  ...LINUX,
  dependencies: [
    ...LINUX.dependencies,
    ...['libarm_compute.so', 'libarm_compute_graph.so'],
    // The core of LAPACK does not open by itself, because it lacks BLAS. The library before it opens both, and finds them beside itself.
    ...['libnvpl_blas_core.so.0', 'libnvpl_blas_lp64_gomp.so.0', 'libnvpl_lapack_lp64_gomp.so.0', 'libnvpl_lapack_core.so.0'],
  ],
}
const MACOS: LibraryNames = { dependencies: ['libomp.dylib', 'libc10.dylib'], cpu: 'libtorch_cpu.dylib', cuda: [], cudaDriver: '' }
const WINDOWS: LibraryNames = {
  dependencies: ['libiomp5md.dll', 'uv.dll', 'c10.dll'],
  cpu: 'torch_cpu.dll',
  cuda: ['c10_cuda.dll', 'torch_cuda.dll'],
  cudaDriver: 'nvcuda.dll',
}

/** The names for a platform such as "linux-x64". */
export function libraryNames(platform: string): LibraryNames {
  if (platform.startsWith('win32-')) return WINDOWS
  if (platform.startsWith('darwin-')) return MACOS
  return platform === 'linux-arm64' ? LINUX_ARM64 : LINUX
}

/** The names for the running platform. */
export const LIBRARY_NAMES = libraryNames(PLATFORM)

/** Whether version "2.36" is at least "2.28": numbers are compared as numbers. */
export function isAtLeast(version: string, floor: string): boolean {
  return version.localeCompare(floor, 'en', { numeric: true }) >= 0
}
