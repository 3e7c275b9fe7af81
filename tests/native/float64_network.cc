#include "tests/native/float64_network.h"

#include <string>
#include <vector>

#include "native/core/model/flat_tensors.h"

namespace parity {

using torch_rnn_mnist::FlatTensors;
using torch_rnn_mnist::LayOut;
using torch_rnn_mnist::Nonlinearity;
using torch_rnn_mnist::ParameterLayout;

Float64Network::Float64Network(const torch_rnn_mnist::ModelOptions& options, const torch::Tensor& values) : options_(options) {
  torch::nn::RNNOptions rnn(options.input_size, options.hidden_size);
  rnn.num_layers(options.num_layers);
  if (options.nonlinearity == Nonlinearity::kRelu) rnn.nonlinearity(torch::kReLU);
  basic_rnn = register_module("basic_rnn", torch::nn::RNN(rnn));
  FC = register_module("FC", torch::nn::Linear(options.hidden_size, options.num_classes));
  to(torch::kFloat64);
  const torch::NoGradGuard no_grad;
  const auto parameters = named_parameters();
  for (const ParameterLayout::Entry& entry : LayOut(options).entries) parameters[entry.name].copy_(FlatTensors::ViewOf(values, entry));
}

torch::Tensor Float64Network::Logits(const torch::Tensor& outputs, const torch::Tensor& lengths) {
  if (!lengths.defined()) return FC(outputs[-1]);
  return FC(outputs.index({lengths - 1, torch::arange(lengths.size(0))}));
}

torch::Tensor Float64Network::Forward(const torch::Tensor& images, const torch::Tensor& lengths) {
  return Logits(std::get<0>(basic_rnn(images.transpose(0, 1))), lengths);
}

torch::Tensor Float64Network::Unroll(const torch::Tensor& images, const StateOf& state_of, const torch::Tensor& lengths) {
  std::vector<torch::Tensor> sequence = images.unbind(/*dim=*/1);
  const auto parameters = basic_rnn->named_parameters();
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    const auto parameter = [&](const std::string& name) { return parameters[name + "_l" + std::to_string(layer)]; };
    torch::Tensor state = images.new_zeros({images.size(0), options_.hidden_size});
    for (torch::Tensor& element : sequence) {
      state = state_of(layer, torch::nn::functional::linear(element, parameter("weight_ih"), parameter("bias_ih")) +
                                  torch::nn::functional::linear(state, parameter("weight_hh"), parameter("bias_hh")));
      element = state;
    }
  }
  return Logits(torch::stack(sequence), lengths);
}

torch::Tensor Float64Network::Activate(const torch::Tensor& sum) const {
  return options_.nonlinearity == Nonlinearity::kTanh ? sum.tanh() : sum.relu();
}

torch::Tensor Float64Network::Gradients() const {
  const ParameterLayout layout = LayOut(options_);
  const auto parameters = named_parameters();
  torch::Tensor gradients = torch::empty({layout.size}, torch::kFloat64);
  for (const ParameterLayout::Entry& entry : layout.entries) FlatTensors::ViewOf(gradients, entry).copy_(parameters[entry.name].grad());
  return gradients;
}

}  // namespace parity
