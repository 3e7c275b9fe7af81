#include "native/core/runtime/precision.h"

namespace torch_rnn_mnist {
namespace {

constexpr auto kBackend = at::Float32Backend::CUDA;
constexpr auto kOperation = at::Float32Op::RNN;

std::mutex turns;

}  // namespace

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
