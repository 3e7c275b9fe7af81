#pragma once

#include <c10/core/Device.h>

#include <string>

namespace torch_rnn_mnist {

// Number of CUDA devices that libtorch can use; 0 without CUDA libraries, driver or GPU.
int CudaDeviceCount();

// "auto" (CUDA where there is some, else the CPU), "cpu", "cuda" or "cuda:N".
// Throws ERR_DEVICE_UNAVAILABLE, which says what was asked for and what there is, or ERR_INVALID_ARGUMENT for another name.
c10::Device ResolveDevice(const std::string& name);

// What libtorch computes with on the CPU.
struct CpuBackend {
  std::string capability;  // The instruction set that it chose for this processor: "AVX512", "AVX2", "DEFAULT".
  std::string blas;        // What multiplies its matrices, by its own name: "mkl", "accelerate", "open".
};
CpuBackend DescribeCpuBackend();

}  // namespace torch_rnn_mnist
