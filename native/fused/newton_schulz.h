#pragma once

#include <cstdint>

namespace torch_rnn_mnist::fused {

// A Newton-Schulz iteration: with each step a matrix X becomes a X + b (X X^T) X + c (X X^T)^2 X, which acts on its singular values alone.
struct NewtonSchulz {
  double a;
  double b;
  double c;  // Above 0.
  int ns_steps;
  double eps;  // The least norm by which a matrix is divided before the first step.
};

// That of torch.optim.Muon, with its names. It brings the singular values that are not tiny to about 1 (some 0.7 to 1.2), not to 1 exactly,
// which is quicker and as good.
inline constexpr NewtonSchulz kMuonIteration{.a = 3.4445, .b = -4.7750, .c = 2.0315, .ns_steps = 5, .eps = 1e-7};

// Square matrices, each contiguous and row-major, one after the other: [count, size, size].
template <typename Value>
struct SquareMatrices {
  Value* values;
  int64_t count;
  int64_t size;

  Value* At(int64_t matrix) const { return values + matrix * size * size; }
};

}  // namespace torch_rnn_mnist::fused
