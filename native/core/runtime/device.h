#pragma once

#include <c10/core/Device.h>

#include <string>

namespace torch_rnn_mnist {

// Number of CUDA devices that libtorch can use; 0 without CUDA libraries, driver or GPU.
int CudaDeviceCount();

// name: "auto" (CUDA if available, else the CPU), "cpu", "cuda" or "cuda:N".
// Throws ERR_DEVICE_UNAVAILABLE when this machine lacks the device, and ERR_INVALID_ARGUMENT for any other name.
c10::Device ResolveDevice(const std::string& name);

// How libtorch computes on the CPU.
struct CpuBackend {
  std::string capability;  // The instruction set it chose for this processor: "AVX512", "AVX2", "DEFAULT".
  std::string blas;        // Its BLAS library, as libtorch names it: "mkl", "accelerate", "open".
};
CpuBackend DescribeCpuBackend();

}  // namespace torch_rnn_mnist
