#include "native/core/model/image_rnn.h"

#include <torch/nn/init.h>

#include <cmath>
#include <unordered_map>

#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"

namespace torch_rnn_mnist {
namespace {

torch::nn::RNNOptions RnnOptions(const ModelOptions& options) {
  torch::nn::RNNOptions rnn(options.input_size, options.hidden_size);
  rnn.num_layers(options.num_layers);
  if (options.nonlinearity == Nonlinearity::kRelu) {
    rnn.nonlinearity(torch::kReLU);
  } else {
    rnn.nonlinearity(torch::kTanh);
  }
  return rnn;
}

bool IsRecurrentMatrix(const std::string& name) { return name.find("weight_hh") != std::string::npos; }

std::string ShapeText(torch::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

ImageRnn::ImageRnn(const ModelOptions& options, std::shared_ptr<ForwardHooks> hooks)
    : options_(options), hooks_(hooks ? std::move(hooks) : std::make_shared<ForwardHooks>()) {
  // These constructors draw starting values from the process-wide generator; InitializeParameters replaces all of them.
  basic_rnn = register_module("basic_rnn", torch::nn::RNN(RnnOptions(options)));
  FC = register_module("FC", torch::nn::Linear(options.hidden_size, options.num_classes));
  InitializeParameters();
}

void ImageRnn::InitializeParameters() {
  torch::NoGradGuard no_grad;
  torch::Generator generator = MakeGenerator(options_.seed);
  // torch.nn.RNNBase.reset_parameters: everything uniform in +-1/sqrt(H), in the order of registration.
  const double rnn_bound = 1.0 / std::sqrt(static_cast<double>(options_.hidden_size));
  for (auto& parameter : basic_rnn->named_parameters()) {
    parameter.value().uniform_(-rnn_bound, rnn_bound, generator);
    if (options_.recurrent_init == RecurrentInit::kIdentity && IsRecurrentMatrix(parameter.key())) {
      torch::nn::init::eye_(parameter.value());
    }
  }
  // torch.nn.Linear.reset_parameters: kaiming_uniform_(a=sqrt(5)) has the bound sqrt(3) * sqrt(2 / (1 + 5)) / sqrt(fan_in);
  // written out in that order so that the rounding is the same.
  const double root_fan_in = std::sqrt(static_cast<double>(options_.hidden_size));
  const double weight_bound = std::sqrt(3.0) * (std::sqrt(2.0 / 6.0) / root_fan_in);
  FC->weight.uniform_(-weight_bound, weight_bound, generator);
  FC->bias.uniform_(-1.0 / root_fan_in, 1.0 / root_fan_in, generator);
}

torch::Tensor ImageRnn::InitHidden(int64_t batch_size) const {
  return torch::zeros({options_.num_layers, batch_size, options_.hidden_size}, FC->weight.options().requires_grad(false));
}

torch::Tensor ImageRnn::Forward(const torch::Tensor& images) {
  const torch::Tensor sequences = images.transpose(0, 1);  // [N, T, F] -> [T, N, F]: rows become time steps.
  const torch::Tensor initial = InitHidden(images.size(0));
  const auto [output, final_state] = basic_rnn->forward(sequences, initial);
  if (hooks_->Has(HookedModule::kBasicRnn)) {
    hooks_->Run({HookedModule::kBasicRnn, is_training(), {sequences, initial}, {output, final_state}});
  }
  const torch::Tensor last = output[-1];
  const torch::Tensor logits = FC->forward(last);
  if (hooks_->Has(HookedModule::kFc)) hooks_->Run({HookedModule::kFc, is_training(), {last}, {logits}});
  if (hooks_->Has(HookedModule::kModel)) hooks_->Run({HookedModule::kModel, is_training(), {images}, {logits}});
  return logits;
}

StateDict ImageRnn::CopyState() const {
  StateDict state;
  for (const auto& parameter : named_parameters()) {
    const torch::Tensor value = parameter.value().detach();
    state.emplace_back(parameter.key(), value.is_cpu() ? value.clone() : value.cpu());
  }
  return state;
}

void ImageRnn::LoadState(const StateDict& state) {
  std::unordered_map<std::string, torch::Tensor> values(state.begin(), state.end());
  const auto parameters = named_parameters();
  for (const auto& parameter : parameters) {
    const auto found = values.find(parameter.key());
    if (found == values.end()) throw Error(kInvalidData, "Expected a parameter " + parameter.key() + " but it is missing.");
    const torch::IntArrayRef expected = parameter.value().sizes();
    if (found->second.sizes() != expected) {
      throw Error(kInvalidShape, "Expected shape " + ShapeText(expected) + " for " + parameter.key() + " but received " +
                                     ShapeText(found->second.sizes()) + ".");
    }
  }
  for (const auto& [name, value] : state) {
    if (parameters.find(name) == nullptr) throw Error(kInvalidData, "The model has no parameter named " + name + ".");
  }
  if (state.size() != parameters.size()) throw Error(kInvalidData, "A parameter is given twice.");
  torch::NoGradGuard no_grad;
  for (const auto& parameter : parameters) parameter.value().copy_(values.at(parameter.key()));
}

}  // namespace torch_rnn_mnist
