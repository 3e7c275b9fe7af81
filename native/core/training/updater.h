#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "native/core/runtime/error.h"
#include "native/core/training/engine.h"
#include "native/core/training/parameter_average.h"
#include "native/core/training/training_state.h"
#include "native/core/training/update.h"

namespace torch_rnn_mnist {

// When a loss, a gradient or an update that is not finite is found. Either way the update is not applied, nor is any that follows.
enum class FiniteCheck {
  kByDevice,      // kBeforeUpdate on the CPU, kWhenSettled elsewhere.
  kBeforeUpdate,  // At once; waits for the device.
  kWhenSettled,   // A flag on the device keeps the updates from being applied until Settle reads it, so that no batch waits.
};

// Batches whose gradients make one update.
struct Group {
  void Add(const BatchSums& batch);

  BatchSums sums;
  int64_t batches = 0;
};

// Throws ERR_NOT_FINITE for a batch's loss. `index`: of the batch in the epoch, from 0.
void RequireFiniteLoss(double loss, int64_t index);

// Changes the parameters of one network: groups of batches become updates, counted and summed up. Belongs to the computing thread.
class Updater {
 public:
  // Starts with moments, counts and sums of zero. `values`: the network's, which must outlive this object. `orthogonalize`: Muon's.
  Updater(FlatTensors& values, const OptimizerOptions& options, FiniteCheck check, OrthogonalizeFunction orthogonalize);

  // Goes on with the state as it is and other options. An average that begins takes the parameters as they are now; where one ends, the
  // network gets the parameters.
  void Continue(const OptimizerOptions& options);
  // Starts the counts and sums of an epoch anew.
  void BeginEpoch();

  // The buffer for gradients.
  const FlatTensors& gradients() const { return state_.gradients; }
  // Before the gradients of a batch are added: the first one of a group finds zeros.
  void BeginBatch();
  // After it. `index`: of the batch in the epoch, from 0. Throws ERR_NOT_FINITE for its loss, where that is found at once.
  void EndBatch(const BatchSums& batch, int64_t index);
  // One update with the gradients of a group, which is the epoch's next. Throws ERR_NOT_FINITE where that is found at once.
  void Apply(const Group& group, double learning_rate);
  // Leaves out the gradients of a group that was not finished.
  void Drop() { state_.accumulated = 0; }
  // After an error: drops the running group, and settles. What cannot be settled now is when the next call needs it.
  void Abandon() noexcept;
  // Throws ERR_NOT_FINITE when an update was left out; counts and sums are then those of the last update that was applied. Waits for the
  // device where this is not found at once.
  void Settle();

  const EpochSums& epoch() const { return state_.epoch; }
  int64_t epoch_batches() const { return state_.epoch_batches; }
  // Of the latest update, before it was clipped; undefined before the first one.
  const torch::Tensor& gradient_norm() const { return norm_; }
  std::optional<ParameterAverage>& average() { return average_; }

  // Between two ranges.
  TrainingSnapshot Copy();
  // Throws ERR_INVALID_DATA or ERR_INVALID_SHAPE, and then changes nothing.
  void Load(const TrainingSnapshot& snapshot);

 private:
  // An update that was computed and not checked yet.
  struct Unchecked {
    Group group;
    torch::Tensor norm;
    torch::Tensor reach;
  };

  // A number that is not finite where the next update would make parameters or moments so, although the gradient with this norm is finite:
  // weight decay multiplies the parameters.
  torch::Tensor Reach(const torch::Tensor& norm, double learning_rate) const;
  bool IsDeferred() const { return found_inf_.has_value(); }
  // Goes back to the last update that was applied. Returns why the next one was not.
  Error Rewind();

  FlatTensors& values_;
  OptimizerOptions options_;
  const OrthogonalizeFunction orthogonalize_;
  TrainingState state_;
  std::optional<ParameterAverage> average_;
  torch::Tensor norm_;
  std::optional<torch::Tensor> found_inf_;  // float32: 1 once something was not finite. None: found before the update.
  std::vector<Unchecked> unchecked_;
  EpochSums checked_;  // The sums before these.
};

}  // namespace torch_rnn_mnist
