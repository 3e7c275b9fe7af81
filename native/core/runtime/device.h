#pragma once

#include <c10/core/Device.h>

#include <string>

namespace torch_rnn_mnist {

// Number of CUDA devices that libtorch can use; 0 without CUDA libraries, driver or GPU. The first call starts the driver, which can take
// seconds: where the number is known already, use that on the JavaScript thread.
int CudaDeviceCount();

// name: "auto" (CUDA if available, else the CPU), "cpu", "cuda" or "cuda:N".
// `cuda_devices`: the number of CUDA devices where it is known, or 0; then they are counted.
// Throws ERR_DEVICE_UNAVAILABLE when this machine lacks the device, and ERR_INVALID_ARGUMENT for any other name.
c10::Device ResolveDevice(const std::string& name, int cuda_devices = 0);

// Makes a device ready, before its first use. On the computing thread, because it may start the driver.
// Throws ERR_DEVICE_UNAVAILABLE when the device is not there: the known number of devices may be outdated.
void StartDevice(c10::Device device);

// Has cuDNN choose deterministic algorithms, by rule and not by measurement. For the whole process. cuBLAS needs CUBLAS_WORKSPACE_CONFIG
// besides, which is set when its libraries are opened (lib/addon/load-addon.ts).
//
// libtorch's setDeterministicAlgorithms is not used: operations of other packages in the process would fail, and no operation of a model
// would change.
void MakeCudaDeterministic();

// How libtorch computes on the CPU.
struct CpuBackend {
  std::string capability;  // The instruction set it chose for this processor: "AVX512", "AVX2", "DEFAULT".
  std::string blas;        // Its BLAS library, as libtorch names it: "mkl", "accelerate", "open".
};
CpuBackend DescribeCpuBackend();

}  // namespace torch_rnn_mnist
