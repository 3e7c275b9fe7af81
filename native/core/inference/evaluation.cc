#include "native/core/inference/evaluation.h"

#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "native/core/data/batches.h"
#include "native/core/inference/eval_mode.h"

namespace torch_rnn_mnist {
namespace {

// Collects the answers of all batches, and picks the surest of the wrong ones.
class MistakeSearch {
 public:
  void Add(const torch::Tensor& logits, const torch::Tensor& answers, const torch::Tensor& labels) {
    const torch::Tensor probabilities = logits.softmax(/*dim=*/1).amax(/*dim=*/1);
    ranks_.push_back(probabilities.masked_fill(answers == labels, kRight));
    answers_.push_back(answers.to(torch::kInt32));
  }

  Mistakes Surest(int64_t most) const {
    const torch::Tensor ranks = torch::cat(ranks_).cpu();
    const auto [sorted, order] = ranks.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
    const int64_t count = std::min(most, sorted.ne(kRight).sum().item<int64_t>());
    const torch::Tensor samples = order.narrow(0, 0, count).clone();
    return {samples, torch::cat(answers_).cpu().index_select(0, samples).to(torch::kInt64), sorted.narrow(0, 0, count).clone()};
  }

 private:
  static constexpr float kRight = -1;  // Below every probability.

  std::vector<torch::Tensor> ranks_;    // float32 [n] of each batch, on the model's device: the probability of a wrong answer, or kRight.
  std::vector<torch::Tensor> answers_;  // int32 [n] of each batch, there.
};

}  // namespace

Evaluation Evaluate(ImageRnn& model, Engine& engine, const Dataset& dataset, const EvaluationOptions& options,
                    const std::shared_ptr<StopSignal>& stop) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t classes = model.options().num_classes;
  CheckDatasetFits(dataset, model.options().input_size, classes);
  const EvalMode eval_mode(model);
  const Batches batches(dataset, model.device(), options.batch_size == 0 ? kDefaultBatch : options.batch_size);
  const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
  torch::Tensor loss = torch::zeros({}, torch::dtype(torch::kFloat64).device(model.device()));
  torch::Tensor confusion = torch::zeros({classes * classes}, torch::dtype(torch::kInt64).device(model.device()));
  MistakeSearch search;
  for (int64_t index = 0; index < batches.count(); ++index) {
    ThrowIfStopped(*stop);
    const Batch batch = batches.Get(index);
    const torch::Tensor logits = engine.Logits({model.Normalize(batch.images), batch.lengths}, stop);
    loss += torch::nn::functional::cross_entropy(logits, batch.labels, sum).to(torch::kFloat64);
    // Not bincount: on a GPU it waits twice to find the range of its input.
    const torch::Tensor answers = logits.argmax(/*dim=*/1);
    const torch::Tensor cells = batch.labels * classes + answers;
    confusion.scatter_add_(/*dim=*/0, cells, torch::ones_like(cells));
    if (options.mistakes > 0) search.Add(logits, answers, batch.labels);
  }
  Evaluation result;
  // Device sync: one transfer for everything. A float64 holds every count exactly.
  const torch::Tensor sums = torch::cat({confusion.to(torch::kFloat64), loss.view({1})}).cpu();
  result.samples = dataset.size();
  result.loss = sums[-1].item<double>() / static_cast<double>(dataset.size());
  result.confusion = sums.narrow(0, 0, classes * classes).to(torch::kInt64).view({classes, classes});
  if (options.mistakes > 0) result.mistakes = search.Surest(options.mistakes);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace torch_rnn_mnist
