#pragma once

#include <cstdint>
#include <vector>

#include "native/fused/vectors/compiler.h"

// The fast CPU engine: plain C++ over the parameters of the network, without libtorch.
//
// Dimension letters as elsewhere: N batch, T time steps, F features, H hidden, L layers, C classes. One recurrent layer computes
//   z[t] = W_ih x[t] + b_ih + W_hh h[t-1] + b_hh,   h[t] = f(z[t]),   h[-1] = 0,
// where x[t] is a row of the image, or h[t] of the layer below. f is tanh or ReLU. The last h of the top layer goes through a linear layer.
//
// Samples with fewer steps than the others begin later, so that all of them end together: at every step the samples that have begun are
// computed.
namespace torch_rnn_mnist::fused {

enum class Nonlinearity { kTanh, kRelu };

struct Shape {
  int64_t input_size = 0;   // F
  int64_t hidden_size = 0;  // H
  int64_t num_layers = 0;   // L
  int64_t num_classes = 0;  // C
  Nonlinearity nonlinearity = Nonlinearity::kTanh;

  // How many features a layer reads.
  int64_t InputsOf(int64_t layer) const { return layer == 0 ? input_size : hidden_size; }
};

// Where the values of a network lie, each array in PyTorch's layout, which is row-major.
template <typename Value>
struct LayerArrays {
  Value* weight_ih;  // [H, F] in the first layer, [H, H] in the others
  Value* weight_hh;  // [H, H]
  Value* bias_ih;    // [H]
  Value* bias_hh;    // [H]
};
template <typename Value>
struct NetworkArrays {
  std::vector<LayerArrays<Value>> layers;
  Value* fc_weight;  // [C, H]
  Value* fc_bias;    // [C]
};
using Parameters = NetworkArrays<const float>;
using Gradients = NetworkArrays<float>;

// Samples that are computed together.
struct Images {
  const float* values;  // [N, T, F]
  int64_t samples;      // N
  int64_t steps;        // T
  // [N], each from 1 to T: so many steps of a sample are real, and padding follows, which is not read. Null: all are real.
  const int64_t* lengths = nullptr;

  // Steps by which a sample is shifted, so that all end with the last step.
  FUSED_INLINE int64_t ShiftOf(int64_t sample) const { return lengths == nullptr ? 0 : steps - lengths[sample]; }
};

// The targets of a batch and the loss that is trained: the cross entropy, of which a share is spread over all classes.
struct Targets {
  const int64_t* labels;       // [N], each from 0 to C - 1
  double label_smoothing = 0;  // 0 to 1
};

// What a batch adds to the metrics of an epoch.
struct Sums {
  double loss = 0;   // Over the samples.
  int64_t hits = 0;  // Samples whose highest logit is that of their label.
};

}  // namespace torch_rnn_mnist::fused
