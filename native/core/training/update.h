#pragma once

#include <torch/types.h>

#include <optional>

#include "native/core/model/flat_tensors.h"
#include "native/core/training/muon.h"
#include "native/core/training/training_state.h"

namespace torch_rnn_mnist {

enum class UpdateRule {
  kAdam,   // torch.optim.Adam (Kingma and Ba, 2015): the weight decay is part of the gradient.
  kAdamW,  // torch.optim.AdamW (Loshchilov and Hutter, 2019): the weight decay is apart from it.
  kMuon,   // Muon for the matrices between hidden states, AdamW for the rest: see muon.h.
};

// How gradients become updates. The defaults are those of torch.optim.Adam.
struct OptimizerOptions {
  UpdateRule rule = UpdateRule::kAdam;
  double beta1 = 0.9;  // Both from 0 to below 1.
  double beta2 = 0.999;
  double weight_decay = 0;
  double momentum = 0.95;                          // Muon's: from 0 to below 1.
  double clip_grad_norm = 0;                       // The largest norm of the gradient over all parameters; 0: any.
  std::optional<double> ema_decay = std::nullopt;  // From 0 to below 1; none: there is no average of the parameters.
};

// Divides the accumulated gradients by the number of their samples, in their buffer, and returns their norm over all parameters (float32,
// on the device). The next accumulation must start from zero.
at::Tensor AverageGradients(TrainingState& state);

// One step of the rule with gradients of this norm, which are clipped before (torch.nn.utils.clip_grad_norm_). Counts the update, and
// raises libtorch's count of changes to the values.
// `found_inf`: float32 on the device; nothing is changed there where it is 1. None is the same as 0. `orthogonalize`: Muon's.
void ApplyUpdate(FlatTensors& values, TrainingState& state, const OptimizerOptions& options, double learning_rate, const at::Tensor& norm,
                 const std::optional<at::Tensor>& found_inf, const OrthogonalizeFunction& orthogonalize);

}  // namespace torch_rnn_mnist
