#pragma once

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include <mutex>

namespace torch_rnn_mnist {

// How a GPU multiplies the matrices of the recurrent layers. The CPU always computes in float32.
enum class Precision {
  kFloat32,
  kTf32,  // TensorFloat-32: operands are rounded to 10 bits of mantissa. Faster on Ampere and newer. cuDNN's own default.
};

// While the object lives, libtorch's kernels for recurrent layers have this precision on CUDA. Does nothing for other devices.
//
// libtorch has one setting for the whole process and reads it when a kernel is launched. So models that launch on CUDA at the same time
// take turns: hold this only around a launch, never while something is waited for.
class PrecisionGuard {
 public:
  PrecisionGuard(Precision precision, c10::Device device);
  ~PrecisionGuard();
  PrecisionGuard(const PrecisionGuard&) = delete;
  PrecisionGuard& operator=(const PrecisionGuard&) = delete;

 private:
  std::unique_lock<std::mutex> turn_;  // Empty for other devices.
  at::Float32Precision before_ = at::Float32Precision::NONE;
};

}  // namespace torch_rnn_mnist
