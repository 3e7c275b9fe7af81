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
    const torch::Tensor logits = engine.Logits(batch.images, stop);
    loss += torch::nn::functional::cross_entropy(logits, batch.labels, sum).to(torch::kFloat64);
    confusion += torch::bincount(batch.labels * classes + logits.argmax(/*dim=*/1), /*weights=*/{}, classes * classes);
  }
  Evaluation result;
  result.samples = dataset.size();
  result.loss = loss.item<double>() / static_cast<double>(dataset.size());  // Device sync.
  result.confusion = confusion.view({classes, classes}).cpu();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace torch_rnn_mnist
