#pragma once

#include <torch/types.h>

#include <cstdint>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"

// Small networks and datasets made of formulas, for tests that need no particular numbers.
namespace sample {

inline constexpr int64_t kRows = 4;
inline constexpr int64_t kColumns = 5;
inline constexpr int64_t kHidden = 6;
inline constexpr int64_t kLayers = 2;
inline constexpr int64_t kClasses = 3;

inline torch_rnn_mnist::ModelOptions Options(uint64_t seed = 1) {
  torch_rnn_mnist::ModelOptions options;
  options.input_size = kColumns;
  options.hidden_size = kHidden;
  options.num_layers = kLayers;
  options.num_classes = kClasses;
  options.seed = seed;
  return options;
}

// uint8 [count, 4, 5] with all values from 0 to 255.
inline torch::Tensor Images(int64_t count) {
  return torch::arange(count * kRows * kColumns, torch::kInt64).mul(97).remainder(256).to(torch::kUInt8).view({count, kRows, kColumns});
}

// int64 [count]: 0, 1, 2, 0, 1, 2 and so on.
inline torch::Tensor Labels(int64_t count) { return torch::arange(count, torch::kInt64).remainder(kClasses); }

inline torch_rnn_mnist::Dataset Data(int64_t count) { return {Images(count), Labels(count)}; }

}  // namespace sample
