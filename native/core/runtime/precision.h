#pragma once

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include <mutex>

namespace torch_rnn_mnist {

// How matrices are multiplied. Parameters, gradients and optimizer are always in float32.
enum class Precision {
  kFloat32,
  // TensorFloat-32: a GPU rounds the operands of the recurrent layers to 10 bits of mantissa. Faster on Ampere and newer. cuDNN's own
  // default. The CPU computes in float32 with it.
  kTf32,
  // Forward and backward pass in bfloat16, of 8 bits of mantissa, and the loss in float32: what PyTorch's autocast does on the CPU. On
  // CUDA, autocast would compute the recurrent layers in float16 even if asked for bfloat16, whose range is too small to train without
  // scaling.
  kBfloat16,
};

// Throws ERR_DEVICE_UNAVAILABLE when a device cannot compute so. On the computing thread, after StartDevice.
void CheckPrecision(Precision precision, c10::Device device);

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
