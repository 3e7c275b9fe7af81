#include "native/core/training/trainer.h"

#include <chrono>
#include <string>
#include <utility>

#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"

namespace torch_rnn_mnist {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The index after that of the last batch.
int64_t EndOf(const BatchRange& range) { return range.first + static_cast<int64_t>(range.learning_rates.size()); }

}  // namespace

Trainer::Trainer(ImageRnn& model, Engine& engine, const OptimizerOptions& options, FiniteCheck check)
    : model_(model),
      engine_(engine),
      updater_(model.values(), options, check, [&engine](const torch::Tensor& matrices) { return engine.Orthogonalize(matrices); }) {
  engine_.UseGradients(updater_.gradients());
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

void Trainer::CheckRange(const BatchRange& range, int64_t batches) const {
  const int64_t end = EndOf(range);
  const std::string received = "received " + std::to_string(range.first) + " to " + std::to_string(end - 1) + ".";
  if (range.first < 0 || end > batches) {
    throw Error(kInvalidArgument, "Expected batches from 0 to " + std::to_string(batches - 1) + " but " + received);
  }
  if (range.first != 0 && range.first != updater_.epoch_batches()) {
    throw Error(kInvalidArgument, "Expected batches from 0, or from " + std::to_string(updater_.epoch_batches()) +
                                      ", where the epoch stands, but " + received);
  }
  for (const int64_t cut : {range.first, end}) {
    if (cut % range.accumulation_steps == 0 || cut == batches) continue;
    throw Error(kInvalidArgument, "Expected whole groups of " + std::to_string(range.accumulation_steps) + " batches but " + received);
  }
}

TrainProgress Trainer::Read(const Group& running, const BatchSums* batch) const {
  EpochSums sums = updater_.epoch();
  if (running.batches > 0) {
    sums = sums.Copy();
    sums.Add(running.sums);
  }
  TrainProgress progress;
  progress.batch = updater_.epoch_batches() + running.batches;
  progress.samples = sums.samples;
  if (sums.samples == 0) return progress;
  const torch::Tensor& norm = updater_.gradient_norm();
  const std::vector<double> numbers =
      ReadNumbers({sums.loss, sums.hits, batch == nullptr ? sums.loss : batch->loss, norm.defined() ? norm : sums.loss});
  progress.loss = numbers[0] / static_cast<double>(sums.samples);
  progress.accuracy = numbers[1] / static_cast<double>(sums.samples);
  if (batch != nullptr) progress.batch_loss = numbers[2] / static_cast<double>(batch->samples);
  if (norm.defined()) progress.gradient_norm = numbers[3];
  return progress;
}

void Trainer::RunBatches(const Batches& batches, const BatchRange& range, const std::shared_ptr<StopSignal>& stop, const Report& report) {
  const int64_t end = EndOf(range);
  Group running;
  for (int64_t index = range.first; index < end && !stop->Requested(); ++index) {
    updater_.BeginBatch();
    Batch images = batches.Get(index);
    images.images = model_.Normalize(images.images);
    const BatchSums batch = engine_.Accumulate(images, range.loss, stop);
    updater_.EndBatch(batch, index);
    running.Add(batch);
    const int64_t done = index + 1;
    if (done % range.accumulation_steps == 0 || done == batches.count()) {
      updater_.Apply(running, range.learning_rates[static_cast<size_t>(index - range.first)]);
      running = Group();
    }
    if (report && (done == end || done % range.log_interval == 0)) report(running, batch);  // Device sync, only here.
  }
  updater_.Drop();  // A group that a stop left unfinished.
  updater_.Settle();
}

RangeResult Trainer::Run(const std::shared_ptr<const Dataset>& dataset, const BatchRange& range, const std::shared_ptr<StopSignal>& stop,
                         const TrainProgressCallback& on_progress) {
  const Clock::time_point start = Clock::now();
  std::unique_ptr<const Cut> cut = TakeCut(dataset, range);
  const Batches& batches = cut->batches;
  CheckRange(range, batches.count());
  updater_.Settle();
  if (range.first == 0) updater_.BeginEpoch();
  const auto read = [&](const Group& running, const BatchSums* batch) {
    TrainProgress progress = Read(running, batch);  // Waits for the device before the clock is read.
    progress.batches = batches.count();
    progress.seconds = SecondsSince(start);
    return progress;
  };
  Report report;
  if (on_progress) {
    report = [&](const Group& running, const BatchSums& batch) {
      updater_.Settle();
      const TrainProgress progress = read(running, &batch);
      RequireFiniteLoss(progress.batch_loss, progress.batch - 1);
      on_progress(progress);
    };
  }
  const ParametersShown shown(updater_.average());
  model_.train();
  try {
    RunBatches(batches, range, stop, report);
  } catch (...) {
    updater_.Abandon();
    throw;
  }
  RangeResult result{updater_.epoch_batches() == EndOf(range), read(Group(), nullptr)};
  // After an epoch, a stop or an error, the data belongs to its owner alone again. The next range would cut another epoch anyway.
  if (result.completed && result.progress.batch < result.progress.batches) cut_ = std::move(cut);
  return result;
}

}  // namespace torch_rnn_mnist
