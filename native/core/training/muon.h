#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "native/core/model/flat_tensors.h"
#include "native/fused/newton_schulz.h"

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

// The iteration of torch.optim.Muon. It brings the singular values that are not tiny to about 1 (some 0.7 to 1.2), not to 1 exactly, which
// is quicker and as good.
inline constexpr fused::NewtonSchulz kMuonIteration{.a = 3.4445, .b = -4.7750, .c = 2.0315, .steps = 5, .epsilon = 1e-7};

// An orthogonal matrix near to each one of [N, H, H], by kMuonIteration. PyTorch computes it in bfloat16, this in float32.
using Orthogonalizer = std::function<at::Tensor(const at::Tensor& matrices)>;
// By libtorch.
at::Tensor Orthogonalize(const at::Tensor& matrices);

// One step, with Nesterov's momentum. The rate is scaled as by adjust_lr_fn="match_rms_adamw" (Liu et al., 2025, "Muon is scalable for LLM
// training"), so that rate and weight decay mean as much as with AdamW. `found_inf`: as in ApplyUpdate.
void ApplyMuon(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& momentum, const MuonOptions& options,
               double learning_rate, const std::optional<at::Tensor>& found_inf, const Orthogonalizer& orthogonalize);

}  // namespace torch_rnn_mnist
