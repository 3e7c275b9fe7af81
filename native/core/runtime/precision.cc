#include "native/core/runtime/precision.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/DeviceGuard.h>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

constexpr auto kBackend = at::Float32Backend::CUDA;
constexpr auto kOperation = at::Float32Op::RNN;

std::mutex turns;

}  // namespace

void CheckPrecision(Precision precision, c10::Device device) {
  if (precision != Precision::kBfloat16 || !device.is_cuda()) return;
  const c10::DeviceGuard current(device);  // The question is about the current device.
  if (at::detail::getCUDAHooks().supportsBFloat16RNNWithCuDNN()) return;
  throw Error(kDeviceUnavailable, "bf16 was asked for but " + device.str() +
                                      " does not support it: that takes compute capability 8.0 (NVIDIA's Ampere) or newer, and cuDNN.");
}

PrecisionGuard::PrecisionGuard(Precision precision, c10::Device device) {
  if (!device.is_cuda()) return;
  turn_ = std::unique_lock(turns);
  at::Context& context = at::globalContext();
  before_ = context.float32Precision(kBackend, kOperation);
  context.setFloat32Precision(kBackend, kOperation,
                              precision == Precision::kTf32 ? at::Float32Precision::TF32 : at::Float32Precision::IEEE);
}

PrecisionGuard::~PrecisionGuard() {
  if (turn_) at::globalContext().setFloat32Precision(kBackend, kOperation, before_);
}

}  // namespace torch_rnn_mnist
