#include "native/core/training/updater.h"

#include <cmath>
#include <string>
#include <utility>

namespace torch_rnn_mnist {
namespace {

// Bounds the memory for updates that were not checked yet. Waiting for the device so rarely takes no time.
constexpr size_t kMaxUnchecked = 100;

bool IsDeferred(FiniteCheck check, torch::Device device) {
  return check == FiniteCheck::kWhenSettled || (check == FiniteCheck::kByDevice && !device.is_cpu());
}

std::string Describe(double value) { return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"; }

// `first`: index of the first batch in its epoch, from 0. People count from 1.
std::string NameBatches(int64_t first, int64_t batches) {
  if (batches == 1) return "batch " + std::to_string(first + 1);
  return "batches " + std::to_string(first + 1) + " to " + std::to_string(first + batches);
}

Error NotFinite(const std::string& what, int64_t first, int64_t batches, const std::string& value) {
  return {kNotFinite, "The " + what + " of " + NameBatches(first, batches) + " is not finite (" + value +
                          "). Lower the learning rate or clip the gradients."};
}

Error LossNotFinite(int64_t first, int64_t batches, double loss) { return NotFinite("loss", first, batches, Describe(loss)); }

// Why an update was not applied. Where both numbers are finite, the reason is Updater::Reach.
Error UpdateNotFinite(int64_t first, int64_t batches, double loss, double norm) {
  if (!std::isfinite(loss)) return LossNotFinite(first, batches, loss);
  if (!std::isfinite(norm)) return NotFinite("gradient", first, batches, "its norm is " + Describe(norm));
  return {kNotFinite, "The update of " + NameBatches(first, batches) +
                          " would make parameters infinite, or their moments. Lower the learning rate or the weight decay."};
}

}  // namespace

void RequireFiniteLoss(double loss, int64_t index) {
  if (!std::isfinite(loss)) throw LossNotFinite(index, 1, loss);
}

void Group::Add(const BatchSums& batch) {
  if (batches == 0) {
    sums = batch;
  } else {
    sums.loss = sums.loss.to(torch::kFloat64) + batch.loss;
    sums.hits = sums.hits + batch.hits;
    sums.samples += batch.samples;
  }
  ++batches;
}

Updater::Updater(FlatTensors& values, const OptimizerOptions& options, FiniteCheck check, OrthogonalizeFunction orthogonalize)
    : values_(values), options_(options), orthogonalize_(std::move(orthogonalize)), state_(values), checked_(values.flat().device()) {
  if (options.ema_decay) average_.emplace(values);
  const torch::Device device = values.flat().device();
  if (torch_rnn_mnist::IsDeferred(check, device)) found_inf_ = torch::zeros({}, torch::dtype(torch::kFloat32).device(device));
}

void Updater::Continue(const OptimizerOptions& options) {
  Settle();
  if (average_ && !options.ema_decay) {
    average_->ShowParameters();
    average_.reset();
  } else if (!average_ && options.ema_decay) {
    average_.emplace(values_);
  }
  options_ = options;
  BeginEpoch();
}

void Updater::BeginEpoch() {
  state_.epoch = EpochSums(values_.flat().device());
  state_.epoch_batches = 0;
  checked_ = state_.epoch.Copy();
}

void Updater::BeginBatch() {
  if (state_.accumulated == 0) state_.gradients.flat().zero_();
}

void Updater::EndBatch(const BatchSums& batch, int64_t index) {
  if (!IsDeferred()) RequireFiniteLoss(batch.loss.item<double>(), index);
  state_.accumulated += batch.samples;
}

torch::Tensor Updater::Reach(const torch::Tensor& norm, double learning_rate) const {
  if (options_.weight_decay == 0) return norm;
  const torch::Tensor values = at::linalg_vector_norm(values_.flat());
  if (options_.rule != UpdateRule::kAdam) return norm + values * (1 + learning_rate * options_.weight_decay);
  return (norm + values * options_.weight_decay).square();  // The second moment takes the squares.
}

void Updater::Apply(const Group& group, double learning_rate) {
  const torch::Tensor norm = AverageGradients(state_);
  const torch::Tensor reach = Reach(norm, learning_rate);
  if (IsDeferred()) {
    // Of a finite number the difference is 0, else NaN, which counts as true.
    found_inf_->logical_or_((reach - reach) + (group.sums.loss - group.sums.loss));
  } else if (!std::isfinite(reach.item<double>())) {
    throw UpdateNotFinite(state_.epoch_batches, group.batches, /*loss=*/0, norm.item<double>());
  }
  ApplyUpdate(values_, state_, options_, learning_rate, norm, found_inf_, orthogonalize_);
  if (average_) average_->Follow(*options_.ema_decay, found_inf_);
  state_.accumulated = 0;
  state_.epoch.Add(group.sums);
  state_.epoch_batches += group.batches;
  norm_ = norm;
  if (!IsDeferred()) return;
  unchecked_.push_back({group, norm, reach});
  if (unchecked_.size() >= kMaxUnchecked) Settle();
}

void Updater::Abandon() noexcept {
  Drop();
  try {
    Settle();
  } catch (...) {
    // The error that ended the range counts.
  }
}

void Updater::Settle() {
  if (unchecked_.empty()) return;
  if (found_inf_->item<float>() != 0) throw Rewind();  // Device sync.
  unchecked_.clear();
  checked_ = state_.epoch.Copy();
}

Error Updater::Rewind() {
  std::vector<torch::Tensor> scalars;
  for (const Unchecked& update : unchecked_) {
    for (const torch::Tensor& scalar : {update.group.sums.loss, update.norm, update.reach}) scalars.push_back(scalar);
  }
  const std::vector<double> numbers = ReadNumbers(scalars);
  const auto loss_of = [&](size_t index) { return numbers[3 * index]; };
  const auto norm_of = [&](size_t index) { return numbers[3 * index + 1]; };
  const auto reach_of = [&](size_t index) { return numbers[3 * index + 2]; };
  size_t applied = 0;
  while (applied + 1 < unchecked_.size() && std::isfinite(loss_of(applied)) && std::isfinite(reach_of(applied))) ++applied;
  EpochSums sums = checked_.Copy();
  int64_t batches = state_.epoch_batches;
  for (size_t i = 0; i < applied; ++i) sums.Add(unchecked_[i].group.sums);
  for (size_t i = applied; i < unchecked_.size(); ++i) batches -= unchecked_[i].group.batches;
  Error error = UpdateNotFinite(batches, unchecked_[applied].group.batches, loss_of(applied), norm_of(applied));
  found_inf_->zero_();
  state_.epoch = std::move(sums);
  state_.epoch_batches = batches;
  state_.updates -= static_cast<int64_t>(unchecked_.size() - applied);
  norm_ = applied == 0 ? torch::Tensor() : unchecked_[applied - 1].norm;
  unchecked_.clear();
  checked_ = state_.epoch.Copy();
  return error;
}

TrainingSnapshot Updater::Copy() {
  Settle();
  if (!average_) return CopyTraining(values_, nullptr, state_);
  average_->TakeNewValues();
  return CopyTraining(average_->parameters(), &average_->average(), state_);
}

void Updater::Load(const TrainingSnapshot& snapshot) {
  if (snapshot.average.has_value() != average_.has_value()) {
    throw Error(kInvalidData, average_ ? "Expected an average in the training state, because the training keeps one."
                                       : "Expected no average in the training state, because the training keeps none.");
  }
  LoadedTraining loaded = LoadTraining(snapshot, values_);
  EpochSums checked = loaded.state.epoch.Copy();
  loaded.state.gradients = state_.gradients;  // Autograd holds views of these.
  if (average_) {
    average_->Load(loaded.values, *loaded.average);
  } else {
    values_.flat().copy_(loaded.values.flat());
  }
  state_ = std::move(loaded.state);
  checked_ = std::move(checked);
  norm_ = torch::Tensor();
  unchecked_.clear();
  if (found_inf_) found_inf_->zero_();
}

}  // namespace torch_rnn_mnist
