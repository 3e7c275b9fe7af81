#include "native/core/model/image_rnn.h"

#include <torch/nn/init.h>
#include <torch/nn/utils/rnn.h>

#include <cmath>
#include <string>
#include <utility>

#include "native/core/data/dataset.h"
#include "native/core/model/bfloat16_parameters.h"
#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"

namespace torch_rnn_mnist {
namespace {

constexpr size_t kLinearParameters = 2;  // Weight and bias of the linear layer: the last ones in the layout.

torch::nn::RNNOptions RnnOptions(const ModelOptions& options) {
  torch::nn::RNNOptions rnn(options.input_size, options.hidden_size);
  rnn.num_layers(options.num_layers);
  switch (options.nonlinearity) {
    case Nonlinearity::kTanh:
      return rnn.nonlinearity(torch::kTanh);
    case Nonlinearity::kRelu:
      return rnn.nonlinearity(torch::kReLU);
  }
  throw Error(kInvalidArgument, "Expected tanh or relu for the nonlinearity.");
}

bool StartsAsIdentity(RecurrentInit init) {
  switch (init) {
    case RecurrentInit::kIdentity:
      return true;
    case RecurrentInit::kUniform:
      return false;
  }
  throw Error(kInvalidArgument, "Expected identity or uniform for the start of the recurrent matrices.");
}

bool IsRecurrentMatrix(const std::string& name) { return name.find("weight_hh") != std::string::npos; }

}  // namespace

ImageRnn::ImageRnn(const ModelOptions& options, std::shared_ptr<ForwardHooks> hooks)
    : options_(options),
      values_(std::make_shared<const ParameterLayout>(LayOut(options)), torch::kCPU),
      hooks_(hooks ? std::move(hooks) : std::make_shared<ForwardHooks>()) {
  // These constructors draw starting values from the process-wide generator; InitializeParameters replaces all of them.
  basic_rnn = register_module("basic_rnn", torch::nn::RNN(RnnOptions(options)));
  FC = register_module("FC", torch::nn::Linear(options.hidden_size, options.num_classes));
  UseParametersOf(values_);
  InitializeParameters();
  if (!options.normalization) return;
  mean_ = torch::tensor(options.normalization->mean);
  std_ = torch::tensor(options.normalization->std);
  if (mean_.numel() == options.input_size && std_.numel() == options.input_size && std_.gt(0).all().item<bool>()) return;
  throw Error(kInvalidArgument, "Expected " + std::to_string(options.input_size) +
                                    " numbers for mean and std of the normalization (the model's inputSize), and each std above 0.");
}

void ImageRnn::UseParametersOf(FlatTensors values) {
  const auto parameters = named_parameters();
  for (const ParameterLayout::Entry& entry : values.layout().entries) {
    // Drop the gradient first: it must be on the same device as its parameter.
    torch::Tensor parameter = parameters[entry.name];
    parameter.mutable_grad() = torch::Tensor();
    parameter.set_data(values.View(entry));
  }
  values_ = std::move(values);
}

void ImageRnn::CollectGradientsIn(const FlatTensors& gradients) {
  const auto parameters = named_parameters();
  for (const ParameterLayout::Entry& entry : gradients.layout().entries) {
    torch::Tensor parameter = parameters[entry.name];
    parameter.mutable_grad() = gradients.View(entry);
  }
}

void ImageRnn::MoveTo(torch::Device device) {
  // All that can fail comes first.
  FlatTensors values = values_.To(device);
  const torch::Tensor mean = mean_.defined() ? mean_.to(device) : mean_;
  const torch::Tensor std = std_.defined() ? std_.to(device) : std_;
  UseParametersOf(std::move(values));
  mean_ = mean;
  std_ = std;
}

torch::Tensor ImageRnn::Normalize(const torch::Tensor& images) const { return mean_.defined() ? images.sub(mean_).div_(std_) : images; }

Sequences ImageRnn::Prepare(const Sequences& raw) const { return {Normalize(ScaleImages(raw.values.to(device()))), raw.lengths}; }

void ImageRnn::InitializeParameters() {
  const bool starts_as_identity = StartsAsIdentity(options_.recurrent_init);
  torch::NoGradGuard no_grad;
  torch::Generator generator = MakeGenerator(options_.seed);
  // torch.nn.RNNBase.reset_parameters: everything uniform in +-1/sqrt(H), in the order of registration.
  const double rnn_bound = 1.0 / std::sqrt(static_cast<double>(options_.hidden_size));
  for (auto& parameter : basic_rnn->named_parameters()) {
    parameter.value().uniform_(-rnn_bound, rnn_bound, generator);
    if (starts_as_identity && IsRecurrentMatrix(parameter.key())) {
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
  return torch::zeros({options_.num_layers, batch_size, options_.hidden_size}, values_.flat().options());
}

template <typename... Arguments>
ImageRnn::States ImageRnn::RunRecurrent(const Arguments&... arguments) {
  if (options_.nonlinearity == Nonlinearity::kTanh) return at::rnn_tanh(arguments...);
  return at::rnn_relu(arguments...);
}

std::vector<torch::Tensor> ImageRnn::RecurrentParameters(const std::vector<torch::Tensor>& copies) const {
  if (copies.empty()) return basic_rnn->all_weights();
  return {copies.begin(), copies.end() - kLinearParameters};
}

// A function of its own, because the guard must not live while a hook is waited for.
ImageRnn::States ImageRnn::RunLayers(const torch::Tensor& sequences, const torch::Tensor& initial,
                                     const std::vector<torch::Tensor>& copies) {
  const PrecisionGuard precision(options_.precision, device());
  if (copies.empty()) return basic_rnn->forward(sequences, initial);
  return RunRecurrent(sequences.to(torch::kBFloat16), initial.to(torch::kBFloat16), at::TensorList(RecurrentParameters(copies)),
                      /*has_biases=*/true, options_.num_layers, /*dropout=*/0.0, is_training(), /*bidirectional=*/false,
                      /*batch_first=*/false);
}

// As nn::RNN does with a packed sequence, which holds the samples by falling length.
ImageRnn::States ImageRnn::RunPadded(const torch::Tensor& sequences, const torch::Tensor& lengths, const torch::Tensor& initial,
                                     const std::vector<torch::Tensor>& copies, bool wants_outputs) {
  namespace rnn = torch::nn::utils::rnn;
  const PrecisionGuard precision(options_.precision, device());
  const torch::ScalarType type = copies.empty() ? torch::kFloat32 : torch::kBFloat16;
  const rnn::PackedSequence packed =
      rnn::pack_padded_sequence(sequences.to(type), lengths, /*batch_first=*/false, /*enforce_sorted=*/false);
  const auto [outputs, final_states] =
      RunRecurrent(packed.data(), packed.batch_sizes(), initial.to(type), at::TensorList(RecurrentParameters(copies)), /*has_biases=*/true,
                   options_.num_layers, /*dropout=*/0.0, is_training(), /*bidirectional=*/false);
  torch::Tensor padded;
  if (wants_outputs) {
    const rnn::PackedSequence all(outputs, packed.batch_sizes(), packed.sorted_indices(), packed.unsorted_indices());
    padded = std::get<0>(rnn::pad_packed_sequence(all, /*batch_first=*/false, /*padding_value=*/0, sequences.size(0)));
  }
  return {padded, final_states.index_select(1, packed.unsorted_indices())};
}

torch::Tensor ImageRnn::Forward(const Sequences& of, const std::shared_ptr<StopSignal>& stop) {
  const torch::Tensor& images = of.values;
  const torch::Tensor sequences = images.transpose(0, 1);  // [N, T, F] -> [T, N, F]: rows become time steps.
  const torch::Tensor initial = InitHidden(images.size(0));
  std::vector<torch::Tensor> copies;
  if (options_.precision == Precision::kBfloat16) copies = CopyToBfloat16(values_, parameters());
  const bool is_observed = hooks_->Has(HookedModule::kBasicRnn);
  const auto [output, final_state] =
      of.lengths.defined() ? RunPadded(sequences, of.lengths, initial, copies, is_observed) : RunLayers(sequences, initial, copies);
  if (is_observed) {
    hooks_->Run({HookedModule::kBasicRnn, is_training(), {sequences, initial}, {output, final_state}, stop});
  }
  // The top layer's final state equals output[-1], which the tutorial uses. With output[-1] the backward pass would create zero gradients
  // for all other steps and add them up.
  const torch::Tensor last = final_state[-1];
  const torch::Tensor scores = copies.empty() ? FC->forward(last) : at::linear(last, copies[copies.size() - 2], copies.back());
  const torch::Tensor logits = scores.to(torch::kFloat32);  // For the loss; a bfloat16 is exact in float32.
  if (hooks_->Has(HookedModule::kFc)) hooks_->Run({HookedModule::kFc, is_training(), {last}, {logits}, stop});
  if (hooks_->Has(HookedModule::kModel)) hooks_->Run({HookedModule::kModel, is_training(), {images}, {logits}, stop});
  return logits;
}

}  // namespace torch_rnn_mnist
