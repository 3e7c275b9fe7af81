#include "native/core/training/muon.h"

#include <torch/types.h>

#include <cmath>

#include "native/fused/newton_schulz.h"

namespace torch_rnn_mnist {
namespace {

constexpr double kRmsOfAdamW = 0.2;  // The usual size of AdamW's updates at a rate of 1.

}  // namespace

MuonParts SplitForMuon(const FlatTensors& tensors) {
  // From the first weight_hh on, all matrices of the recurrent layers are [H, H], one after the other, before the first vector.
  const ParameterLayout::Entry* first = nullptr;
  int64_t count = 0;
  for (const ParameterLayout::Entry& entry : tensors.layout().entries) {
    const bool is_recurrent = entry.name.starts_with("basic_rnn.weight_");
    if (!is_recurrent || entry.name == "basic_rnn.weight_ih_l0") continue;
    if (first == nullptr) first = &entry;
    ++count;
  }
  const int64_t hidden = first->shape[0];
  const int64_t begin = first->offset;
  const int64_t end = begin + count * hidden * hidden;
  const at::Tensor& flat = tensors.flat();
  return {flat.slice(0, begin, end).view({count, hidden, hidden}), {flat.slice(0, 0, begin), flat.slice(0, end)}};
}

at::Tensor Orthogonalize(const at::Tensor& matrices) {
  at::Tensor x =
      matrices / at::linalg_vector_norm(matrices, 2, at::IntArrayRef{-2, -1}, /*keepdim=*/true).clamp_min(fused::kMuonIteration.eps);
  for (int step = 0; step < fused::kMuonIteration.ns_steps; ++step) {
    const at::Tensor gram = x.bmm(x.transpose(1, 2));
    const at::Tensor polynomial = at::baddbmm(gram, gram, gram, /*beta=*/fused::kMuonIteration.b, /*alpha=*/fused::kMuonIteration.c);
    x = at::baddbmm(x, polynomial, x, /*beta=*/fused::kMuonIteration.a, /*alpha=*/1);
  }
  return x;
}

void ApplyMuon(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& momentum, const MuonOptions& options,
               double learning_rate, const std::optional<at::Tensor>& found_inf, const OrthogonalizeFunction& orthogonalize) {
  const at::Tensor mean = momentum.lerp(gradients, 1 - options.momentum);
  const at::Tensor direction = orthogonalize(gradients.lerp(mean, options.momentum));
  const double step = learning_rate * kRmsOfAdamW * std::sqrt(static_cast<double>(values.size(-1)));
  at::Tensor updated = (values * (1 - learning_rate * options.weight_decay)).sub_(direction, step);
  if (found_inf) {
    const at::Tensor applies = *found_inf == 0;
    momentum.copy_(at::where(applies, mean, momentum));
    updated = at::where(applies, updated, values);
  } else {
    momentum.copy_(mean);
  }
  values.copy_(updated);
}

}  // namespace torch_rnn_mnist
