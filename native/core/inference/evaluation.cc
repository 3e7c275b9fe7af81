#include "native/core/inference/evaluation.h"

#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kInferPiece = 1000;  // Samples computed between two looks at the stop signal: about 0.1 s on two cores.

// Eval mode for a scope.
class EvalMode {
 public:
  explicit EvalMode(ImageRnn& model) : model_(model), was_training_(model.is_training()) { model_.eval(); }
  ~EvalMode() { model_.train(was_training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  ImageRnn& model_;
  const bool was_training_;
};

void CheckNotStopped(const StopSignal& stop) {
  if (stop.Requested()) throw Error(kDisposed, "The model was disposed while it was computing.");
}

void CheckFinite(const torch::Tensor& images) {
  if (!images.is_floating_point() || images.isfinite().all().item<bool>()) return;
  const int64_t index = images.flatten().isfinite().logical_not().to(torch::kUInt8).argmax().item<int64_t>();
  throw Error(kInvalidData, "Expected finite numbers in images but the one at index " + std::to_string(index) + " is " +
                                std::to_string(images.flatten()[index].item<float>()) + ".");
}

}  // namespace

Evaluation Evaluate(ImageRnn& model, const Dataset& dataset, int64_t batch_size, const StopSignal& stop) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t classes = model.options().num_classes;
  CheckDatasetFits(dataset, model.options().input_size, classes);
  torch::NoGradGuard no_grad;
  EvalMode eval_mode(model);
  const DatasetTensors data = dataset.On(model.device());
  torch::Tensor loss = torch::zeros({}, torch::dtype(torch::kFloat64).device(model.device()));
  torch::Tensor confusion = torch::zeros({classes * classes}, torch::dtype(torch::kInt64).device(model.device()));
  for (int64_t first = 0; first < dataset.size(); first += batch_size) {
    CheckNotStopped(stop);
    const int64_t size = std::min(batch_size, dataset.size() - first);
    const torch::Tensor labels = data.labels.narrow(0, first, size);
    const torch::Tensor logits = model.Forward(ScaleImages(data.images.narrow(0, first, size)));
    loss += torch::nn::functional::cross_entropy(logits, labels, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum))
                .to(torch::kFloat64);
    confusion += torch::bincount(labels * classes + logits.argmax(/*dim=*/1), /*weights=*/{}, classes * classes);
  }
  Evaluation result;
  result.samples = dataset.size();
  result.loss = loss.item<double>() / static_cast<double>(dataset.size());  // Device sync.
  result.confusion = confusion.view({classes, classes}).cpu();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

torch::Tensor Infer(ImageRnn& model, const torch::Tensor& images, const StopSignal& stop) {
  torch::NoGradGuard no_grad;
  CheckFinite(images);
  EvalMode eval_mode(model);
  const int64_t count = images.size(0);
  const int64_t piece = model.hooks().Any() ? count : kInferPiece;
  std::vector<torch::Tensor> logits;
  for (int64_t first = 0; first < count; first += piece) {
    CheckNotStopped(stop);
    const torch::Tensor part = images.narrow(0, first, std::min(piece, count - first));
    logits.push_back(model.Forward(ScaleImages(part.to(model.device()))).cpu());
  }
  return torch::cat(logits);
}

Prediction Predict(ImageRnn& model, const torch::Tensor& images, const StopSignal& stop) {
  const torch::Tensor logits = Infer(model, images, stop);
  return {logits.argmax(/*dim=*/1).to(torch::kUInt8), logits.softmax(/*dim=*/1)};
}

}  // namespace torch_rnn_mnist
