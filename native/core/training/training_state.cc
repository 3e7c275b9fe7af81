#include "native/core/training/training_state.h"

#include <cmath>
#include <string>
#include <vector>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

void CheckCounts(const TrainingSnapshot& snapshot) {
  const int64_t samples = snapshot.epoch_samples;
  const bool is_possible = snapshot.updates >= 0 && snapshot.epoch_batches >= 0 && samples >= snapshot.epoch_batches &&
                           (samples == 0) == (snapshot.epoch_batches == 0) && snapshot.epoch_hits >= 0 && snapshot.epoch_hits <= samples &&
                           std::isfinite(snapshot.epoch_loss) && snapshot.epoch_loss >= 0;
  if (!is_possible) throw Error(kInvalidData, "Expected counts and sums that an epoch can have in a training state.");
}

void LoadFinite(const char* name, const StateDict& state, FlatTensors& tensors) {
  tensors.Load(state);
  if (tensors.flat().isfinite().all().item<bool>()) return;
  throw Error(kInvalidData, std::string("Expected finite numbers in the ") + name + " of a training state.");
}

}  // namespace

EpochSums::EpochSums(torch::Device device)
    : loss(torch::zeros({}, torch::dtype(torch::kFloat64).device(device))),
      hits(torch::zeros({}, torch::dtype(torch::kInt64).device(device))) {}

void EpochSums::Add(const BatchSums& sums) {
  loss += sums.loss;  // To float64, on the device.
  hits += sums.hits;
  samples += sums.samples;
}

EpochSums EpochSums::Copy() const {
  EpochSums copy = *this;
  copy.loss = loss.clone();
  copy.hits = hits.clone();
  return copy;
}

std::vector<double> ReadNumbers(at::TensorList scalars) {
  std::vector<at::Tensor> doubles;
  for (const at::Tensor& scalar : scalars) doubles.push_back(scalar.to(torch::kFloat64));
  const at::Tensor numbers = at::stack(doubles).cpu();
  const auto* begin = numbers.const_data_ptr<double>();
  return {begin, begin + numbers.numel()};
}

TrainingState::TrainingState(const FlatTensors& values)
    : gradients(values.ZerosLike()), first(values.ZerosLike()), second(values.ZerosLike()), epoch(values.flat().device()) {}

TrainingSnapshot CopyTraining(const FlatTensors& values, const FlatTensors* average, const TrainingState& state) {
  TrainingSnapshot snapshot;
  snapshot.values = values.Copy();
  snapshot.first = state.first.Copy();
  snapshot.second = state.second.Copy();
  if (average != nullptr) snapshot.average = average->Copy();
  snapshot.updates = state.updates;
  snapshot.epoch_batches = state.epoch_batches;
  const std::vector<double> sums = ReadNumbers({state.epoch.loss, state.epoch.hits});
  snapshot.epoch_loss = sums[0];
  snapshot.epoch_hits = static_cast<int64_t>(sums[1]);
  snapshot.epoch_samples = state.epoch.samples;
  return snapshot;
}

LoadedTraining LoadTraining(const TrainingSnapshot& snapshot, const FlatTensors& layout) {
  CheckCounts(snapshot);
  LoadedTraining loaded{layout.ZerosLike(), std::nullopt, TrainingState(layout)};
  LoadFinite("parameters", snapshot.values, loaded.values);
  LoadFinite("first moment", snapshot.first, loaded.state.first);
  LoadFinite("second moment", snapshot.second, loaded.state.second);
  // The update takes the square root of it.
  if (loaded.state.second.flat().lt(0).any().item<bool>()) {
    throw Error(kInvalidData, "Expected no number below 0 in the second moment of a training state.");
  }
  if (snapshot.average) LoadFinite("average", *snapshot.average, loaded.average.emplace(layout.ZerosLike()));
  loaded.state.updates = snapshot.updates;
  loaded.state.epoch_batches = snapshot.epoch_batches;
  loaded.state.epoch.loss.fill_(snapshot.epoch_loss);
  loaded.state.epoch.hits.fill_(snapshot.epoch_hits);
  loaded.state.epoch.samples = snapshot.epoch_samples;
  return loaded;
}

}  // namespace torch_rnn_mnist
