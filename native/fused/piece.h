#pragma once

#include <cstddef>
#include <cstdint>

#include "native/fused/shape.h"
#include "native/fused/vectors/compiler.h"

// What one call of a kernel works on: plain pointers into memory of the network (see network.cc). Every row of features is padded with
// zeros to whole vectors.
namespace torch_rnn_mnist::fused {

FUSED_INLINE int64_t CeilDivide(int64_t dividend, int64_t divisor) { return (dividend + divisor - 1) / divisor; }

// A number of features in whole vectors.
FUSED_INLINE int64_t PaddedSize(int64_t size, int lanes) { return CeilDivide(size, lanes) * lanes; }

// The parameters of a layer as right matrices of products: in panels of one vector of columns, [columns / lanes][depth][lanes].
struct PackedLayer {
  int64_t inputs;           // I: F in the first layer, H in the others.
  float* input;             // W_ih^T: depth I, columns H.
  float* state;             // W_hh^T: depth H, columns H.
  float* bias;              // b_ih + b_hh: [H].
  float* input_transposed;  // W_ih: depth H, columns I. Null in the first layer, whose input needs no gradient.
  float* state_transposed;  // W_hh: depth H, columns H.
};
struct PackedNetwork {
  const PackedLayer* layers;
  float* fc;             // W_fc^T: depth H, columns C.
  float* fc_bias;        // [C]
  float* fc_transposed;  // W_fc: depth C, columns H.
};

// The gradient of a part of the batch: sums over its samples, with rows padded as activations are.
struct LayerGradient {
  float* input;        // [H, I]
  float* state;        // [H, H]
  float* bias;         // [H]: of both biases, which are added up.
  float* recent_bias;  // [H]: the part of the latest steps, which is not in `bias` yet.
};
struct PartGradient {
  const LayerGradient* layers;
  float* fc;       // [C, H]
  float* fc_bias;  // [C]
};

// A value for each step, row and feature, of one layer or of all.
struct Activations {
  float* values;
  ptrdiff_t layer;  // From a layer to the next.
  ptrdiff_t step;   // From a step to the next.
  ptrdiff_t row;    // From a row (a sample) to the next: the padded number of features.
  int64_t steps;    // For how many steps there is room. Where they are fewer than those of a pass, the latest ones are kept.

  FUSED_INLINE float* At(int64_t at_layer, int64_t at_step) const { return values + at_layer * layer + (at_step % steps) * step; }
};

// Some samples of a batch, which one thread takes through all steps and layers.
struct Piece {
  const Shape* shape;
  const PackedNetwork* network;
  int64_t steps;          // T
  int64_t rows;           // Samples of this piece.
  const int64_t* active;  // [T]: at each step the first so many rows are computed. Never decreases; at the last step these are all.
  int64_t block;          // Steps that a layer takes before the next one: 1, or more where the weights are too many for the cache.
  const Piece* prefix;    // Computes what rows that are not active yet have in common; null where they have not begun: their state is zero.

  Activations inputs;  // x: [T, rows, F]. The values are null where all are zero.
  Activations states;  // h: [L, T, rows, H]
  float* logits;       // [rows, C]: then the gradient of the loss to them.

  // For the backward pass.
  Activations deltas;  // The gradient to z: [L, window + 1, rows, H].
  int64_t window;      // Steps of the backward pass after which their part of the weights' gradients is added, while they are in the cache.
  PartGradient gradient;
  bool adds;             // Whether the gradients of the weights are added to; else replaced.
  Activations entering;  // Of the steps where rows begin, the sum of their deltas: [L, T, 1, H]. Null without a prefix.
};

// A row of the image [T, F] of each sample of a piece.
struct SampleList {
  const Images* images;
  const int64_t* samples;  // [rows]: their indices in the batch.
};

}  // namespace torch_rnn_mnist::fused
