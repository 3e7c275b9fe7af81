#include "native/core/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"
#include "native/core/training/update.h"

namespace torch_rnn_mnist {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Device sync: one transfer for all numbers. `batch` is the latest batch; null when there was none, or its loss is not wanted.
void ReadSums(const EpochSums& sums, const BatchSums* batch, TrainProgress& progress) {
  progress.samples = sums.samples;
  if (sums.samples == 0) return;
  const std::vector<double> numbers = ReadNumbers({sums.loss, sums.hits, batch == nullptr ? sums.loss : batch->loss});
  progress.loss = numbers[0] / static_cast<double>(sums.samples);
  progress.accuracy = numbers[1] / static_cast<double>(sums.samples);
  if (batch != nullptr) progress.batch_loss = numbers[2] / static_cast<double>(batch->samples);
}

}  // namespace

Trainer::Trainer(ImageRnn& model, Engine& engine) : model_(model), engine_(engine), state_(model.values()) {
  engine_.UseGradients(state_.gradients);
}

BatchSums Trainer::Step(const Batch& batch, double learning_rate, const std::shared_ptr<StopSignal>& stop) {
  if (state_.accumulated == 0) state_.gradients.flat().zero_();
  const BatchSums sums = engine_.Accumulate(batch, stop);
  state_.accumulated += sums.samples;
  ApplyUpdate(model_.values(), state_, learning_rate);
  return sums;
}

std::unique_ptr<const Trainer::Cut> Trainer::TakeCut(const std::shared_ptr<const Dataset>& dataset, const BatchRange& range) {
  std::unique_ptr<const Cut> last = std::move(cut_);
  CheckDatasetFits(*dataset, model_.options().input_size, model_.options().num_classes);
  const torch::Device device = model_.device();
  const bool is_same = last && last->dataset == dataset && last->epoch == range.epoch && last->shuffle == range.shuffle &&
                       last->batch_size == range.batch_size && last->augmentation == range.augmentation && last->device == device;
  if (is_same) return last;
  const uint64_t seed = model_.options().seed;
  std::vector<int64_t> order;
  if (range.shuffle) order = ShuffledOrder(seed, range.epoch, dataset->size());
  Batches batches(*dataset, device, range.batch_size, std::move(order), Augmentation(range.augmentation, seed, range.epoch));
  return std::make_unique<const Cut>(
      Cut{dataset, range.epoch, range.shuffle, range.batch_size, range.augmentation, device, std::move(batches)});
}

RangeResult Trainer::Run(const std::shared_ptr<const Dataset>& dataset, const BatchRange& range, const std::shared_ptr<StopSignal>& stop,
                         const TrainProgressCallback& on_progress) {
  const Clock::time_point start = Clock::now();
  std::unique_ptr<const Cut> cut = TakeCut(dataset, range);
  const Batches& batches = cut->batches;
  const auto length = static_cast<int64_t>(range.learning_rates.size());
  if (range.first < 0 || range.first + length > batches.count()) {
    throw Error(kInvalidArgument, "Expected batches from 0 to " + std::to_string(batches.count() - 1) + " but received " +
                                      std::to_string(range.first) + " to " + std::to_string(range.first + length - 1) + ".");
  }
  if (range.first == 0) state_.epoch = EpochSums(model_.device());
  RangeResult result;
  TrainProgress& progress = result.progress;
  progress.batch = range.first;
  progress.batches = batches.count();
  model_.train();
  for (int64_t index = 0; index < length && !stop->Requested(); ++index) {
    const BatchSums sums = Step(batches.Get(range.first + index), range.learning_rates[static_cast<size_t>(index)], stop);
    state_.epoch.Add(sums);
    progress.batch = range.first + index + 1;
    const bool is_last = index + 1 == length;
    if (on_progress && (is_last || progress.batch % range.log_interval == 0)) {
      ReadSums(state_.epoch, &sums, progress);  // Device sync, only here.
      progress.seconds = SecondsSince(start);
      on_progress(progress);
    }
  }
  ReadSums(state_.epoch, nullptr, progress);  // Also waits for the device before the clock is read.
  progress.seconds = SecondsSince(start);
  result.completed = progress.batch == range.first + length;
  // After an epoch, a stop or an error, the data belongs to its owner alone again. The next range would cut another epoch anyway.
  if (result.completed && progress.batch < progress.batches) cut_ = std::move(cut);
  return result;
}

}  // namespace torch_rnn_mnist
