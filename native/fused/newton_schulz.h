#pragma once

#include <cstdint>

namespace torch_rnn_mnist::fused {

// A Newton-Schulz iteration: with each step a matrix X becomes a X + b (X X^T) X + c (X X^T)^2 X, which acts on its singular values alone.
struct NewtonSchulz {
  double a;
  double b;
  double c;  // Above 0.
  int steps;
  double epsilon;  // The least norm by which a matrix is divided before the first step.
};

// Square matrices, each contiguous and row-major, one after the other: [count, size, size].
template <typename Value>
struct SquareMatrices {
  Value* values;
  int64_t count;
  int64_t size;

  Value* At(int64_t matrix) const { return values + matrix * size * size; }
};

}  // namespace torch_rnn_mnist::fused
