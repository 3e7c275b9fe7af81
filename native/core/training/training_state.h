#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "native/core/model/flat_tensors.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

// Loss and hits of an epoch so far, summed on the device.
struct EpochSums {
  explicit EpochSums(torch::Device device);
  void Add(const BatchSums& sums);
  // A copy that later sums leave alone.
  EpochSums Copy() const;

  torch::Tensor loss;  // float64
  torch::Tensor hits;  // int64
  int64_t samples = 0;
};

// The values of tensors with one number each, in one transfer from their device. float64 holds every count exactly.
std::vector<double> ReadNumbers(at::TensorList scalars);

// Everything besides the parameters and their average that a training needs to continue, on the model's device.
struct TrainingState {
  // A fresh start for parameters of this layout.
  explicit TrainingState(const FlatTensors& values);

  FlatTensors gradients;      // Sums over `accumulated` samples.
  FlatTensors first;          // Adam's first moment, the running mean of the gradients; Muon's momentum is one, too.
  FlatTensors second;         // Adam's second moment, the running mean of their squares. Zero where Muon changes the parameters.
  int64_t updates = 0;        // Number done since the start.
  int64_t accumulated = 0;    // Samples whose gradients are in `gradients`.
  int64_t epoch_batches = 0;  // Batches of the current epoch that are in updates.
  EpochSums epoch;            // Of these batches.
};

// A copy of the state and the parameters on the CPU, taken between two updates: the content of a checkpoint.
struct TrainingSnapshot {
  StateDict values;  // The parameters that are trained.
  StateDict first;
  StateDict second;
  std::optional<StateDict> average;  // The parameters' average; none where there is none.
  int64_t updates = 0;
  int64_t epoch_batches = 0;
  double epoch_loss = 0;
  int64_t epoch_hits = 0;
  int64_t epoch_samples = 0;
};

TrainingSnapshot CopyTraining(const FlatTensors& values, const FlatTensors* average, const TrainingState& state);

// A snapshot on its way back, checked and on the model's device.
struct LoadedTraining {
  FlatTensors values;
  std::optional<FlatTensors> average;
  TrainingState state;
};
// Throws ERR_INVALID_DATA for numbers that no training can have, and ERR_INVALID_DATA or ERR_INVALID_SHAPE for tensors other than those of
// `layout`'s network.
LoadedTraining LoadTraining(const TrainingSnapshot& snapshot, const FlatTensors& layout);

}  // namespace torch_rnn_mnist
