#include "native/core/training/update.h"

#include <ATen/ops/_fused_adam.h>

namespace torch_rnn_mnist {
namespace {

// The defaults of torch.optim.Adam.
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

}  // namespace

void ApplyUpdate(FlatTensors& values, TrainingState& state, double learning_rate) {
  const at::Tensor& gradients = state.gradients.flat();
  gradients.div_(static_cast<double>(state.accumulated));  // From the gradient of the sum of the losses to that of their mean.
  ++state.updates;
  const at::Tensor step = at::full({}, static_cast<double>(state.updates), gradients.options());
  at::_fused_adam_({values.flat()}, {gradients}, {state.first.flat()}, {state.second.flat()}, /*max_exp_avg_sqs=*/{}, {step}, learning_rate,
                   kBeta1, kBeta2, /*weight_decay=*/0, kEpsilon, /*amsgrad=*/false, /*maximize=*/false);
  state.accumulated = 0;
}

}  // namespace torch_rnn_mnist
