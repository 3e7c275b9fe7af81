#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "native/core/model/model_options.h"

namespace parity {

// The network in float64: what engines compute, but for their rounding.
class Float64Network : public torch::nn::Module {
 public:
  // values: the parameters, flat, in the order of LayOut(options).
  Float64Network(const torch_rnn_mnist::ModelOptions& options, const torch::Tensor& values);

  // By nn::RNN. images: float64 [N, T, F]. Returns logits [N, C]. lengths: as in Sequences.
  torch::Tensor Forward(const torch::Tensor& images, const torch::Tensor& lengths = {});
  // The same step by step, with states that the caller makes: of a layer and its pre-activation [N, H].
  using StateOf = std::function<torch::Tensor(int64_t layer, const torch::Tensor& sum)>;
  torch::Tensor Unroll(const torch::Tensor& images, const StateOf& state_of, const torch::Tensor& lengths = {});
  torch::Tensor Activate(const torch::Tensor& sum) const;

  // The gradients of all parameters, in the order of the values.
  torch::Tensor Gradients() const;

 private:
  // The logits of the top layer's last real states. outputs: [T, N, H].
  torch::Tensor Logits(const torch::Tensor& outputs, const torch::Tensor& lengths);

  const torch_rnn_mnist::ModelOptions options_;
  torch::nn::RNN basic_rnn{nullptr};
  torch::nn::Linear FC{nullptr};
};

}  // namespace parity
