#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "native/core/model/flat_tensors.h"

namespace torch_rnn_mnist {

// Muon (Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks"), as torch.optim.Muon has it: the momentum of a
// matrix's gradient, made orthogonal, is its update. It is for the matrices between hidden states: weight_hh of every layer, and weight_ih
// of every layer but the first. As is usual, AdamW changes all other parameters.

struct MuonOptions {
  double momentum = 0.95;  // How slowly the running mean of the gradients follows, from 0 to below 1.
  double weight_decay = 0;
};

// A flat buffer of a network (see ParameterLayout), in its parts.
struct MuonParts {
  at::Tensor hidden;               // A view of the matrices that Muon changes: [2 L - 1, H, H].
  std::vector<at::Tensor> others;  // Views of everything else.
};
MuonParts SplitForMuon(const FlatTensors& tensors);

// An orthogonal matrix near to each one of [N, H, H], by fused::kMuonIteration. PyTorch computes it in bfloat16, this in float32.
using OrthogonalizeFunction = std::function<at::Tensor(const at::Tensor& matrices)>;
// By libtorch.
at::Tensor Orthogonalize(const at::Tensor& matrices);

// One step, with Nesterov's momentum. The rate is scaled as by adjust_lr_fn="match_rms_adamw" (Liu et al., 2025, "Muon is scalable for LLM
// training"), so that rate and weight decay mean as much as with AdamW. `found_inf`: as in ApplyUpdate.
void ApplyMuon(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& momentum, const MuonOptions& options,
               double learning_rate, const std::optional<at::Tensor>& found_inf, const OrthogonalizeFunction& orthogonalize);

}  // namespace torch_rnn_mnist
