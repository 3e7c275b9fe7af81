#include "native/core/training/training_state.h"

#include <memory>
#include <utility>
#include <vector>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {

EpochSums::EpochSums(torch::Device device)
    : loss(torch::zeros({}, torch::dtype(torch::kFloat64).device(device))),
      hits(torch::zeros({}, torch::dtype(torch::kInt64).device(device))) {}

void EpochSums::Add(const BatchSums& batch) {
  loss += batch.loss;  // float32 to float64, on the device.
  hits += batch.hits;
  samples += batch.samples;
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

TrainingSnapshot CopyTraining(const FlatTensors& values, const TrainingState& state) {
  TrainingSnapshot snapshot;
  snapshot.values = values.Copy();
  snapshot.first = state.first.Copy();
  snapshot.second = state.second.Copy();
  snapshot.updates = state.updates;
  const std::vector<double> sums = ReadNumbers({state.epoch.loss, state.epoch.hits});
  snapshot.epoch_loss = sums[0];
  snapshot.epoch_hits = static_cast<int64_t>(sums[1]);
  snapshot.epoch_samples = state.epoch.samples;
  return snapshot;
}

void LoadTraining(const TrainingSnapshot& snapshot, FlatTensors& values, TrainingState& state) {
  if (snapshot.updates < 0 || snapshot.epoch_samples < 0 || snapshot.epoch_hits < 0) {
    throw Error(kInvalidData, "Expected counts of at least 0 in a training state.");
  }
  // Loading into copies does all checks before anything is changed.
  FlatTensors new_values = values.ZerosLike();
  new_values.Load(snapshot.values);
  TrainingState loaded(values);
  loaded.first.Load(snapshot.first);
  loaded.second.Load(snapshot.second);
  loaded.updates = snapshot.updates;
  loaded.epoch.loss.fill_(snapshot.epoch_loss);
  loaded.epoch.hits.fill_(snapshot.epoch_hits);
  loaded.epoch.samples = snapshot.epoch_samples;
  values.flat().copy_(new_values.flat());
  loaded.gradients = state.gradients;  // Autograd holds views of these.
  loaded.gradients.flat().zero_();
  state = std::move(loaded);
}

}  // namespace torch_rnn_mnist
