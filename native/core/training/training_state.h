#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "native/core/model/flat_tensors.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

// Loss and hits of an epoch so far, summed on the device.
struct EpochSums {
  explicit EpochSums(torch::Device device);
  void Add(const BatchSums& batch);

  torch::Tensor loss;  // float64
  torch::Tensor hits;  // int64
  int64_t samples = 0;
};

// The values of tensors with one number each, in one transfer from their device. float64 holds every count exactly.
std::vector<double> ReadNumbers(at::TensorList scalars);

// Everything besides the parameters that a training needs to continue, on the model's device.
struct TrainingState {
  // A fresh start for parameters of this layout.
  explicit TrainingState(const FlatTensors& values);

  FlatTensors gradients;    // Sums over `accumulated` samples.
  FlatTensors first;        // Adam's first moment, the running mean of the gradients.
  FlatTensors second;       // Adam's second moment, the running mean of their squares.
  int64_t updates = 0;      // Number done since the start.
  int64_t accumulated = 0;  // Samples whose gradients are in `gradients`.
  EpochSums epoch;          // Of the current epoch.
};

// A copy of the state and the parameters on the CPU, taken between two updates: the content of a checkpoint.
struct TrainingSnapshot {
  StateDict values;
  StateDict first;
  StateDict second;
  int64_t updates = 0;
  double epoch_loss = 0;
  int64_t epoch_hits = 0;
  int64_t epoch_samples = 0;
};

TrainingSnapshot CopyTraining(const FlatTensors& values, const TrainingState& state);

// Replaces parameters and state. Throws ERR_INVALID_DATA or ERR_INVALID_SHAPE, and then changes nothing.
void LoadTraining(const TrainingSnapshot& snapshot, FlatTensors& values, TrainingState& state);

}  // namespace torch_rnn_mnist
