/** The running platform: what its packages and libraries are called. */

/** "linux-x64": ends the names of the packages made for a platform. */
export const PLATFORM = `${process.platform}-${process.arch}`

/** File names of libtorch's libraries on one platform. */
interface LibraryNames {
  /** In the order in which they must be opened, where they lie beside each other; those that are not there are passed over. */
  readonly dependencies: readonly string[]
  readonly cpu: string
  readonly cuda: readonly string[]
  /** The driver's library; without it there is no use in opening the CUDA ones. */
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
    // LAPACK's core takes BLAS from the library that brings it, so it does not open alone: it comes after that one, which finds it beside.
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
