#include "native/core/inference/evaluation.h"

#include <torch/nn/functional/loss.h>

#include <chrono>

#include "native/core/data/batches.h"
#include "native/core/inference/eval_mode.h"

namespace torch_rnn_mnist {

Evaluation Evaluate(ImageRnn& model, Engine& engine, const Dataset& dataset, int64_t batch_size, const std::shared_ptr<StopSignal>& stop) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t classes = model.options().num_classes;
  CheckDatasetFits(dataset, model.options().input_size, classes);
  const EvalMode eval_mode(model);
  const Batches batches(dataset, model.device(), batch_size == 0 ? kDefaultBatch : batch_size);
  const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
  torch::Tensor loss = torch::zeros({}, torch::dtype(torch::kFloat64).device(model.device()));
  torch::Tensor confusion = torch::zeros({classes * classes}, torch::dtype(torch::kInt64).device(model.device()));
  for (int64_t index = 0; index < batches.count(); ++index) {
    ThrowIfStopped(*stop);
    const Batch batch = batches.Get(index);
    const torch::Tensor logits = engine.Logits({model.Normalize(batch.images), batch.lengths}, stop);
    loss += torch::nn::functional::cross_entropy(logits, batch.labels, sum).to(torch::kFloat64);
    // Not bincount: on a GPU it waits twice to find the range of its input.
    const torch::Tensor cells = batch.labels * classes + logits.argmax(/*dim=*/1);
    confusion.scatter_add_(/*dim=*/0, cells, torch::ones_like(cells));
  }
  Evaluation result;
  // Device sync: one transfer for everything. A float64 holds every count exactly.
  const torch::Tensor sums = torch::cat({confusion.to(torch::kFloat64), loss.view({1})}).cpu();
  result.samples = dataset.size();
  result.loss = sums[-1].item<double>() / static_cast<double>(dataset.size());
  result.confusion = sums.narrow(0, 0, classes * classes).to(torch::kInt64).view({classes, classes});
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace torch_rnn_mnist
