#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "native/fused/shape.h"

// The network of native/fused/shape.h in float64, in the plainest loops: what the fused engine's numbers are compared with where there is
// no libtorch. Its gradients are in turn compared with differences of its losses (fused_numbers_test.cc).
namespace plain {

using Values = std::vector<double>;

struct Layer {
  Values weight_ih, weight_hh, bias_ih, bias_hh;  // As in fused::LayerArrays.
};

// Parameters, or their gradients.
struct Network {
  torch_rnn_mnist::fused::Shape shape;
  std::vector<Layer> layers;
  Values fc_weight, fc_bias;

  explicit Network(const torch_rnn_mnist::fused::Shape& shape);  // All are zero.

  // All arrays, layer by layer.
  std::vector<Values*> Arrays();
};

struct Result {
  Values logits;     // [N, C]
  double loss = 0;   // Sum over the samples.
  int64_t hits = 0;  // Samples whose highest logit is that of their label.
  Network gradients;
  // The least |z| of all pre-activations. Where one is 0, the derivative of ReLU jumps.
  double least_z = std::numeric_limits<double>::infinity();

  explicit Result(const torch_rnn_mnist::fused::Shape& shape) : gradients(shape) {}
};

Result Compute(const Network& network, const torch_rnn_mnist::fused::Images& images, const torch_rnn_mnist::fused::Targets& targets);

}  // namespace plain
