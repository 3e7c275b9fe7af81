#include "native/core/inference/inspection.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "native/core/data/dataset.h"
#include "native/core/inference/eval_mode.h"
#include "native/core/inference/prediction.h"
#include "native/core/model/bfloat16_parameters.h"
#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kMaxStates = int64_t{1} << 28;    // Numbers in a result: 1 GiB here, and once more in JavaScript.
constexpr int64_t kBatchStates = int64_t{1} << 24;  // Those of one batch: 64 MiB, and with gradients several times that.
constexpr size_t kLayerParameters = 4;              // nn::RNN's weight_ih, weight_hh, bias_ih and bias_hh.

// Numbers in the states of one image, which also checks that those of all images are not too many.
int64_t StatesOfOne(const ModelOptions& options, const torch::Tensor& images) {
  const int64_t rows = images.size(1);
  const double of_one = static_cast<double>(options.num_layers) * static_cast<double>(rows) * static_cast<double>(options.hidden_size);
  if (of_one * static_cast<double>(images.size(0)) > static_cast<double>(kMaxStates)) {
    throw Error(kInvalidShape, "Expected at most " + std::to_string(kMaxStates) +
                                   " numbers in the hidden states of the images that are inspected together but received " +
                                   std::to_string(images.size(0)) + " images of " + std::to_string(rows) + " rows, for " +
                                   std::to_string(options.num_layers) + " layers of " + std::to_string(options.hidden_size) +
                                   " neurons. Inspect fewer at a time.");
  }
  return options.num_layers * rows * options.hidden_size;
}

void CheckLabels(const torch::Tensor& labels, int64_t count, int64_t classes) {
  if (labels.dim() != 1 || labels.size(0) != count || labels.scalar_type() != torch::kUInt8) {
    throw Error(kInvalidShape, "Expected one label (uint8) for each of the " + std::to_string(count) + " images but received " +
                                   std::to_string(labels.numel()) + ".");
  }
  const auto largest = labels.max().item<int64_t>();
  if (largest < classes) return;
  throw Error(kInvalidData, "Expected labels from 0 to " + std::to_string(classes - 1) + " (the model's numClasses) but found " +
                                std::to_string(largest) + ".");
}

// Those that the network computes with. Nobody wants their gradients.
std::vector<torch::Tensor> DetachedParameters(ImageRnn& model) {
  std::vector<torch::Tensor> parameters = model.parameters();
  if (model.options().precision == Precision::kBfloat16) parameters = CopyToBfloat16(model.values(), parameters);
  for (torch::Tensor& parameter : parameters) parameter = parameter.detach();
  return parameters;
}

// The states of one layer after every row, each [N, H]. sequence: what it reads, [T, N, F] or [T, N, H].
std::vector<torch::Tensor> RunLayer(const torch::Tensor& sequence, torch::Tensor state, at::TensorList parameters,
                                    Nonlinearity nonlinearity) {
  std::vector<torch::Tensor> states;
  for (const torch::Tensor& input : at::linear(sequence, parameters[0], parameters[2]).unbind(/*dim=*/0)) {
    const torch::Tensor sum = input + at::linear(state, parameters[1], parameters[3]);
    state = nonlinearity == Nonlinearity::kTanh ? sum.tanh() : sum.relu();
    states.push_back(state);
  }
  return states;
}

// Inspects batch after batch, which it writes into the result.
class Inspector {
 public:
  Inspector(ImageRnn& model, int64_t rows, int64_t count, bool has_labels) : model_(model), parameters_(DetachedParameters(model)) {
    const ModelOptions& options = model.options();
    inspection_.hidden_states = torch::empty({options.num_layers, rows, count, options.hidden_size});
    inspection_.probabilities = torch::empty({rows, count, options.num_classes});
    if (has_labels) inspection_.gradient_norms = torch::empty({options.num_layers, rows, count});
  }

  // The samples from `first` on. images: float32 [n, T, F] on the model's device; labels: int64 [n] there, or undefined.
  void Add(int64_t first, const Sequences& batch, const torch::Tensor& labels) {
    const torch::Tensor& images = batch.values;
    const torch::Tensor last = LastSteps(batch);
    const torch::Tensor is_padding = torch::arange(images.size(1), last.options()).unsqueeze(1).gt(last).unsqueeze(2);  // [T, n, 1]
    const at::AutoGradMode with_gradients(labels.defined());
    const ModelOptions& options = model_.options();
    const int64_t count = images.size(0);
    // The graph of the gradients begins here, because nothing else needs any.
    torch::Tensor initial = torch::zeros({count, options.hidden_size}, parameters_.front().options()).requires_grad_(labels.defined());
    torch::Tensor sequence = images.transpose(0, 1).to(initial.scalar_type());
    std::vector<torch::Tensor> states;
    for (int64_t layer = 0; layer < options.num_layers; ++layer) {
      const auto parameters = at::TensorList(parameters_).slice(kLayerParameters * static_cast<size_t>(layer), kLayerParameters);
      const std::vector<torch::Tensor> of_layer = RunLayer(sequence, initial, parameters, options.nonlinearity);
      states.insert(states.end(), of_layer.begin(), of_layer.end());
      sequence = at::stack(of_layer);
      inspection_.hidden_states[layer].narrow(/*dim=*/1, first, count).copy_(sequence.detach().masked_fill(is_padding, 0));
    }
    const torch::Tensor logits = at::linear(sequence, parameters_[parameters_.size() - 2], parameters_.back()).to(torch::kFloat32);
    inspection_.probabilities.narrow(/*dim=*/1, first, count).copy_(logits.detach().softmax(/*dim=*/2).masked_fill(is_padding, 0));
    if (!labels.defined()) return;
    const torch::Tensor at_end = last.view({1, count, 1}).expand({1, count, options.num_classes});
    AddGradients(first, states, logits.gather(0, at_end)[0], labels);
  }

  Inspection Result() const { return inspection_; }

 private:
  // The index of the last real step: int64 [n], where the images are.
  static torch::Tensor LastSteps(const Sequences& batch) {
    const int64_t steps = batch.values.size(1);
    const torch::Tensor lengths = batch.lengths.defined() ? batch.lengths : torch::full({batch.values.size(0)}, steps, torch::kInt64);
    return (lengths - 1).to(batch.values.device());
  }

  // No state of one sample acts on the loss of another. So the gradients of the sum are those of each sample's loss.
  void AddGradients(int64_t first, const std::vector<torch::Tensor>& states, const torch::Tensor& logits, const torch::Tensor& labels) {
    const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
    const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, labels, sum);
    const torch::Tensor gradients = at::stack(torch::autograd::grad({loss}, states));
    // In float64, in which the square of a small gradient is not 0.
    const torch::Tensor norms = at::linalg_vector_norm(gradients, 2, /*dim=*/2, /*keepdim=*/false, torch::kFloat64);
    torch::Tensor all = inspection_.gradient_norms.narrow(/*dim=*/2, first, labels.size(0));
    all.copy_(norms.view(all.sizes()));
  }

  ImageRnn& model_;
  const std::vector<torch::Tensor> parameters_;
  Inspection inspection_;
};

}  // namespace

Inspection Inspect(ImageRnn& model, const Sequences& sequences, const torch::Tensor& labels, const std::shared_ptr<StopSignal>& stop) {
  const EvalMode eval_mode(model);
  const torch::Tensor& images = sequences.values;
  const int64_t count = images.size(0);
  const int64_t batch_size = std::clamp(kBatchStates / StatesOfOne(model.options(), images), int64_t{1}, kDefaultBatch);
  CheckFinite(images);
  CheckLengths(sequences.lengths, count, images.size(1));
  if (labels.defined()) CheckLabels(labels, count, model.options().num_classes);
  Inspector inspector(model, images.size(1), count, labels.defined());
  for (int64_t first = 0; first < count; first += batch_size) {
    ThrowIfStopped(*stop);
    const int64_t size = std::min(batch_size, count - first);
    torch::Tensor batch_labels;
    if (labels.defined()) batch_labels = labels.narrow(0, first, size).to(model.device(), torch::kInt64);
    inspector.Add(first, model.Prepare(sequences.Part(first, size)), batch_labels);
  }
  return inspector.Result();
}

}  // namespace torch_rnn_mnist
