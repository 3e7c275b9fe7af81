#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "native/core/data/augmentation.h"
#include "native/core/data/batches.h"
#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"
#include "native/core/training/engine.h"
#include "native/core/training/training_state.h"
#include "native/core/training/updater.h"

namespace torch_rnn_mnist {

// A range of batches of one epoch.
struct BatchRange {
  uint64_t epoch = 0;                  // The model's epoch, from 0: decides the order of the samples.
  int64_t first = 0;                   // First batch of the epoch to run; 0 starts the epoch's sums anew.
  std::vector<double> learning_rates;  // One for each batch: their number is the length of the range.
  int64_t batch_size = 128;
  bool shuffle = true;
  int64_t accumulation_steps = 1;  // Batches of a group, whose gradients make one update. Counted from the start of the epoch.
  LossOptions loss;
  AugmentationOptions augmentation;
  int64_t log_interval = 10;  // Batches between two progress reports; the last batch of the range always reports.
};

// State of an epoch after a batch, which may be one in the middle of a group. Means are over samples.
struct TrainProgress {
  int64_t batch = 0;         // From 1.
  int64_t batches = 0;       // In the whole epoch.
  int64_t samples = 0;       // Seen so far in this epoch.
  double batch_loss = 0;     // Mean loss of this batch, before its update.
  double loss = 0;           // Mean over the samples so far.
  double accuracy = 0;       // Share of the samples so far, 0 to 1.
  double gradient_norm = 0;  // Over all parameters, in the latest update, before it was clipped; 0 before the training's first update.
  double seconds = 0;        // Since the start of the range.
};

struct RangeResult {
  bool completed = false;  // False when a stop was requested.
  TrainProgress progress;  // After the last update.
};

// Called on the computing thread. An exception from it ends the range after the running batch.
using TrainProgressCallback = std::function<void(const TrainProgress&)>;

// Runs the batches of a training: the engine computes gradients, then the parameters are updated. Belongs to the computing thread.
//
// While a range runs, the network holds the parameters that are trained; otherwise their average, where the options ask for one.
class Trainer {
 public:
  // Starts with moments, counts and sums of zero. Network and engine must outlive the trainer.
  Trainer(ImageRnn& model, Engine& engine, const OptimizerOptions& options = {}, FiniteCheck check = FiniteCheck::kByDevice);

  // Starts another training with the state of this one (see Updater::Continue).
  void Continue(const OptimizerOptions& options) { updater_.Continue(options); }

  // Trains on a range of batches, in the order of ShuffledOrder(seed, epoch) or of the dataset. An epoch may be cut into ranges after any
  // group: the result is the same bit for bit. A stop or an exception in the middle of a group drops it: parameters, state and sums are
  // those of the last update.
  //
  // Throws ERR_INVALID_ARGUMENT for a range beyond the data, one that does not begin where the epoch stands, or one that cuts a group; and
  // ERR_NOT_FINITE for a loss or a gradient, whose update is not applied.
  RangeResult Run(const std::shared_ptr<const Dataset>& dataset, const BatchRange& range, const std::shared_ptr<StopSignal>& stop,
                  const TrainProgressCallback& on_progress);

  TrainingSnapshot Copy() { return updater_.Copy(); }
  // Throws ERR_INVALID_DATA or ERR_INVALID_SHAPE, and then changes nothing.
  void Load(const TrainingSnapshot& snapshot) { updater_.Load(snapshot); }

 private:
  // The batches of an epoch and what they were made from.
  struct Cut {
    std::shared_ptr<const Dataset> dataset;  // Declared first: the batches refer to it.
    uint64_t epoch;
    bool shuffle;
    int64_t batch_size;
    AugmentationOptions augmentation;
    torch::Device device;
    Batches batches;
  };

  // Those of the latest range where they are the same, else new ones. Either way cut_ is empty afterwards: Run puts them back.
  std::unique_ptr<const Cut> TakeCut(const std::shared_ptr<const Dataset>& dataset, const BatchRange& range);
  void CheckRange(const BatchRange& range, int64_t batches) const;
  // Called after a batch. `running`: its group as far as it has got; empty after an update.
  using Report = std::function<void(const Group& running, const BatchSums& batch)>;
  // Runs to the end of the range, or to a stop.
  void RunBatches(const Batches& batches, const BatchRange& range, const std::shared_ptr<StopSignal>& stop, const Report& report);
  // Device sync. `batch`: the latest one; null where its loss is not wanted.
  TrainProgress Read(const Group& running, const BatchSums* batch) const;

  ImageRnn& model_;
  Engine& engine_;
  Updater updater_;
  std::unique_ptr<const Cut> cut_;  // Kept between two ranges of one epoch.
};

}  // namespace torch_rnn_mnist
