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

namespace torch_rnn_mnist {

// A range of batches of one epoch.
struct BatchRange {
  uint64_t epoch = 0;                  // The model's epoch, from 0: decides the order of the samples.
  int64_t first = 0;                   // First batch of the epoch to run; 0 starts the epoch's sums anew.
  std::vector<double> learning_rates;  // One for each batch: their number is the length of the range.
  int64_t batch_size = 128;
  bool shuffle = true;
  AugmentationOptions augmentation;
  int64_t log_interval = 10;  // Batches between two progress reports; the last batch of the range always reports.
};

// State of an epoch after a batch. Means are over samples.
struct TrainProgress {
  int64_t batch = 0;      // From 1.
  int64_t batches = 0;    // In the whole epoch.
  int64_t samples = 0;    // Seen so far in this epoch.
  double batch_loss = 0;  // Mean cross entropy of this batch, before its update.
  double loss = 0;        // Mean over the samples so far.
  double accuracy = 0;    // Share of the samples so far, 0 to 1.
  double seconds = 0;     // Since the start of the range.
};

struct RangeResult {
  bool completed = false;  // False when a stop was requested: then the metrics cover the batches that ran.
  TrainProgress progress;
};

// Called on the computing thread. An exception from it ends the range after the running batch.
using TrainProgressCallback = std::function<void(const TrainProgress&)>;

// Runs the batches of a training: the engine computes gradients, then the parameters are updated. Belongs to the computing thread.
class Trainer {
 public:
  // Starts with moments, counts and sums of zero. Both arguments must outlive the trainer.
  Trainer(ImageRnn& model, Engine& engine);

  // Trains on a range of batches, in the order of ShuffledOrder(seed, epoch) or of the dataset. An epoch may be cut into ranges at any
  // batch: the result is the same bit for bit. Throws ERR_INVALID_ARGUMENT for a range beyond the data.
  RangeResult Run(const std::shared_ptr<const Dataset>& dataset, const BatchRange& range, const std::shared_ptr<StopSignal>& stop,
                  const TrainProgressCallback& on_progress);

  TrainingSnapshot Copy() const { return CopyTraining(model_.values(), state_); }
  void Load(const TrainingSnapshot& snapshot) { LoadTraining(snapshot, model_.values(), state_); }

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
  // One update. Returns the sums of the batch, still on the device.
  BatchSums Step(const Batch& batch, double learning_rate, const std::shared_ptr<StopSignal>& stop);

  ImageRnn& model_;
  Engine& engine_;
  TrainingState state_;
  std::unique_ptr<const Cut> cut_;  // Kept between two ranges of one epoch.
};

}  // namespace torch_rnn_mnist
