#include "native/core/training/update.h"

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#include <vector>

namespace torch_rnn_mnist {
namespace {

constexpr double kEpsilon = 1e-8;      // The default of torch.optim.Adam and torch.optim.AdamW.
constexpr double kClipEpsilon = 1e-6;  // That of torch.nn.utils.clip_grad_norm_.

// The form that both of libtorch's functions have which take the step size as a number.
using FusedStep = void (*)(at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, at::TensorList, double, double,
                           double, double, double, bool, bool, const std::optional<at::Tensor>&, const std::optional<at::Tensor>&);

}  // namespace

at::Tensor AverageGradients(TrainingState& state) {
  const at::Tensor& gradients = state.gradients.flat();
  gradients.div_(static_cast<double>(state.accumulated));  // From the gradient of the sum of the losses to that of their mean.
  return at::linalg_vector_norm(gradients);
}

void ApplyUpdate(FlatTensors& values, TrainingState& state, const OptimizerOptions& options, double learning_rate, const at::Tensor& norm,
                 const std::optional<at::Tensor>& found_inf, const OrthogonalizeFunction& orthogonalize) {
  const at::Tensor& gradients = state.gradients.flat();
  // By a tensor, so that a GPU is not waited for.
  if (options.clip_grad_norm > 0) gradients.mul_((options.clip_grad_norm / (norm + kClipEpsilon)).clamp_max(1));
  // What Adam changes, in parts: everything, unless it is Muon's.
  std::vector<at::Tensor> parameters{values.flat()};
  std::vector<at::Tensor> their_gradients{gradients};
  std::vector<at::Tensor> first{state.first.flat()};
  std::vector<at::Tensor> second{state.second.flat()};
  if (options.rule == UpdateRule::kMuon) {
    const MuonParts parts = SplitForMuon(values);
    const MuonParts gradient_parts = SplitForMuon(state.gradients);
    const MuonParts first_parts = SplitForMuon(state.first);
    ApplyMuon(parts.hidden, gradient_parts.hidden, first_parts.hidden, {.momentum = options.momentum, .weight_decay = options.weight_decay},
              learning_rate, found_inf, orthogonalize);
    parameters = parts.others;
    their_gradients = gradient_parts.others;
    first = first_parts.others;
    second = SplitForMuon(state.second).others;
  }
  const at::Tensor step = at::full({}, static_cast<double>(state.updates + 1), gradients.options());
  const FusedStep fused = options.rule == UpdateRule::kAdam ? FusedStep{at::_fused_adam_} : FusedStep{at::_fused_adamw_};
  fused(parameters, their_gradients, first, second, /*max_exp_avg_sqs=*/{}, std::vector<at::Tensor>(parameters.size(), step), learning_rate,
        options.beta1, options.beta2, options.weight_decay, kEpsilon, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, found_inf);
  values.flat().unsafeGetTensorImpl()->bump_version();  // libtorch's fused functions do not count as changes by themselves.
  ++state.updates;
}

}  // namespace torch_rnn_mnist
