#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "native/core/runtime/precision.h"

// Dimension letters, everywhere: N batch, T time steps (rows), F features (columns), H hidden, L layers, C classes.
namespace torch_rnn_mnist {

enum class Nonlinearity { kTanh, kRelu };
enum class RecurrentInit {
  kIdentity,  // The tutorial's trick: every recurrent matrix starts as the identity.
  kUniform,   // PyTorch's default: uniform in +-1/sqrt(H).
};

// What the network does with each feature before it reads it: (x - mean) / std, as torchvision's Normalize.
struct Normalization {
  std::vector<float> mean;  // [F]
  std::vector<float> std;   // [F], each above 0.
};

// The defaults describe the tutorial's network.
struct ModelOptions {
  int64_t input_size = 28;
  int64_t hidden_size = 150;
  int64_t num_layers = 3;
  int64_t num_classes = 10;
  Nonlinearity nonlinearity = Nonlinearity::kTanh;
  RecurrentInit recurrent_init = RecurrentInit::kIdentity;
  uint64_t seed = 1;
  Precision precision = Precision::kFloat32;
  std::optional<Normalization> normalization = {};
};

}  // namespace torch_rnn_mnist
