#include "native/core/training/fused_engine.h"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

fused::Shape ShapeOf(const ModelOptions& options) {
  const bool is_tanh = options.nonlinearity == Nonlinearity::kTanh;
  return {options.input_size, options.hidden_size, options.num_layers, options.num_classes,
          is_tanh ? fused::Nonlinearity::kTanh : fused::Nonlinearity::kRelu};
}

// Where the tensors of a flat buffer lie, by PyTorch's names.
template <typename Value>
fused::NetworkArrays<Value> ArraysIn(Value* buffer, const ParameterLayout& layout, int64_t layers) {
  std::unordered_map<std::string_view, Value*> places;
  for (const ParameterLayout::Entry& entry : layout.entries) places.emplace(entry.name, buffer + entry.offset);
  fused::NetworkArrays<Value> arrays;
  for (int64_t layer = 0; layer < layers; ++layer) {
    const auto place = [&](const char* name) { return places.at(name + std::to_string(layer)); };
    arrays.layers.push_back(
        {place("basic_rnn.weight_ih_l"), place("basic_rnn.weight_hh_l"), place("basic_rnn.bias_ih_l"), place("basic_rnn.bias_hh_l")});
  }
  arrays.fc_weight = places.at("FC.weight");
  arrays.fc_bias = places.at("FC.bias");
  return arrays;
}

// Both contiguous.
fused::Images ImagesIn(const torch::Tensor& images, const torch::Tensor& lengths) {
  return {images.const_data_ptr<float>(), images.size(0), images.size(1), lengths.defined() ? lengths.const_data_ptr<int64_t>() : nullptr};
}

torch::Tensor Contiguous(const torch::Tensor& lengths) { return lengths.defined() ? lengths.contiguous() : lengths; }

}  // namespace

FusedOptions ReadFusedOptions() {
  FusedOptions options;
  try {
    options.instruction_set = &fused::ChooseInstructionSet();
  } catch (const std::invalid_argument& error) {
    throw Error(kInvalidArgument, error.what());
  }
  const char* const prefix = std::getenv("TORCH_RNN_MNIST_BLANK_PREFIX");
  options.shares_blank_prefix = prefix == nullptr || std::string_view(prefix) != "0";
  return options;
}

FusedEngine::FusedEngine(ImageRnn& model, const FusedOptions& options, int threads)
    : model_(model), network_(ShapeOf(model.options()), *options.instruction_set, {threads, options.shares_blank_prefix}) {}

void FusedEngine::TakeParameters() {
  const torch::Tensor& values = model_.values().flat();
  if (values_.is_same(values) && version_ == values._version()) return;
  if (!values_.is_same(values)) {
    parameters_ = ArraysIn(values.const_data_ptr<float>(), model_.values().layout(), model_.options().num_layers);
  }
  values_ = torch::Tensor();  // None, if this fails.
  network_.SetParameters(parameters_);
  values_ = values;
  version_ = values._version();
}

torch::Tensor FusedEngine::Logits(const Sequences& images, const std::shared_ptr<StopSignal>&) {
  TakeParameters();
  const torch::Tensor rows = images.values.contiguous();
  const torch::Tensor lengths = Contiguous(images.lengths);
  torch::Tensor logits = torch::empty({rows.size(0), model_.options().num_classes}, rows.options());
  network_.Logits(ImagesIn(rows, lengths), logits.mutable_data_ptr<float>());
  return logits;
}

BatchSums FusedEngine::Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>&) {
  TakeParameters();
  const torch::Tensor rows = batch.images.contiguous();
  const torch::Tensor labels = batch.labels.contiguous();
  const torch::Tensor lengths = Contiguous(batch.lengths);
  const fused::Targets targets{labels.const_data_ptr<int64_t>(), options.label_smoothing};
  const fused::Sums sums = network_.Accumulate(ImagesIn(rows, lengths), targets, gradients_);
  // A loss beyond the range of float32 becomes an infinity.
  return {torch::scalar_tensor(sums.loss, torch::kFloat64).to(torch::kFloat32), torch::scalar_tensor(sums.hits, torch::kInt64),
          batch.size()};
}

void FusedEngine::UseGradients(const FlatTensors& gradients) {
  sums_ = gradients.flat();
  gradients_ = ArraysIn(sums_.mutable_data_ptr<float>(), gradients.layout(), model_.options().num_layers);
}

torch::Tensor FusedEngine::Orthogonalize(const torch::Tensor& matrices) {
  const torch::Tensor from = matrices.contiguous();
  torch::Tensor result = torch::empty_like(from);
  const int64_t count = from.size(0);
  const int64_t size = from.size(1);
  network_.Orthogonalize({from.const_data_ptr<float>(), count, size}, fused::kMuonIteration,
                         {result.mutable_data_ptr<float>(), count, size});
  return result;
}

}  // namespace torch_rnn_mnist
