#include "native/core/training/trainer.h"

#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <chrono>

#include "native/core/runtime/random.h"

namespace torch_rnn_mnist {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Cuts a dataset into batches, in its own order or in a given one.
class Batches {
 public:
  Batches(DatasetTensors data, torch::Tensor order, int64_t batch_size)
      : data_(std::move(data)), order_(std::move(order)), batch_size_(batch_size) {}

  int64_t count() const { return (data_.images.size(0) + batch_size_ - 1) / batch_size_; }

  DatasetTensors Get(int64_t batch) const {
    const int64_t first = batch * batch_size_;
    const int64_t size = std::min(batch_size_, data_.images.size(0) - first);
    if (!order_.defined()) return {data_.images.narrow(0, first, size), data_.labels.narrow(0, first, size)};
    const torch::Tensor indices = order_.narrow(0, first, size);
    return {data_.images.index_select(0, indices), data_.labels.index_select(0, indices)};
  }

 private:
  DatasetTensors data_;
  torch::Tensor order_;  // int64 [N] on the data's device; undefined: the dataset's order.
  int64_t batch_size_;
};

torch::Tensor OrderTensor(uint64_t seed, uint64_t epoch, int64_t count, torch::Device device) {
  return torch::tensor(ShuffledOrder(seed, epoch, count), torch::kInt64).to(device);
}

// Loss and hits of an epoch, summed on the device so that no batch has to wait for it.
class RunningSums {
 public:
  explicit RunningSums(torch::Device device)
      : loss_(torch::zeros({}, torch::dtype(torch::kFloat64).device(device))),
        hits_(torch::zeros({}, torch::dtype(torch::kInt64).device(device))) {}

  void Add(const torch::Tensor& mean_loss, const torch::Tensor& hits, int64_t samples) {
    loss_ += mean_loss.to(torch::kFloat64) * samples;
    hits_ += hits;
    samples_ += samples;
  }

  // Device sync.
  void Read(TrainProgress& progress) const {
    progress.samples = samples_;
    progress.loss = samples_ == 0 ? 0 : loss_.item<double>() / static_cast<double>(samples_);
    progress.accuracy = samples_ == 0 ? 0 : static_cast<double>(hits_.item<int64_t>()) / static_cast<double>(samples_);
  }

 private:
  torch::Tensor loss_;
  torch::Tensor hits_;
  int64_t samples_ = 0;
};

}  // namespace

Trainer::Trainer(ImageRnn& model, const OptimizerOptions& options)
    : model_(model), optimizer_(model.parameters(), torch::optim::AdamOptions(options.learning_rate)) {}

Trainer::BatchResult Trainer::Step(const torch::Tensor& images, const torch::Tensor& labels) {
  optimizer_.zero_grad();
  const torch::Tensor logits = model_.Forward(ScaleImages(images));
  const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, labels);
  loss.backward();
  optimizer_.step();
  return {loss.detach(), logits.detach().argmax(/*dim=*/1).eq(labels).sum()};
}

EpochResult Trainer::RunEpoch(const Dataset& dataset, uint64_t epoch, const EpochOptions& options, const StopSignal& stop,
                              const TrainProgressCallback& on_progress) {
  const ModelOptions& model_options = model_.options();
  CheckDatasetFits(dataset, model_options.input_size, model_options.num_classes);
  const Clock::time_point start = Clock::now();
  const torch::Device device = model_.device();
  torch::Tensor order;
  if (options.shuffle) order = OrderTensor(model_options.seed, epoch, dataset.size(), device);
  const Batches batches(dataset.On(device), order, options.batch_size);
  RunningSums sums(device);
  EpochResult result;
  result.progress.batches = batches.count();
  model_.train();
  for (int64_t batch = 0; batch < batches.count() && !stop.Requested(); ++batch) {
    const DatasetTensors data = batches.Get(batch);
    const BatchResult step = Step(data.images, data.labels);
    sums.Add(step.loss, step.hits, data.images.size(0));
    result.progress.batch = batch + 1;
    const bool last = batch + 1 == batches.count();
    if (on_progress && (last || (batch + 1) % options.log_interval == 0)) {
      result.progress.batch_loss = step.loss.item<double>();  // Device sync, only here.
      sums.Read(result.progress);
      result.progress.seconds = SecondsSince(start);
      on_progress(result.progress);
    }
  }
  sums.Read(result.progress);  // Also waits for the device before the clock is read.
  result.progress.seconds = SecondsSince(start);
  result.completed = result.progress.batch == batches.count();
  return result;
}

}  // namespace torch_rnn_mnist
