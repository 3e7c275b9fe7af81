#pragma once

#include <torch/optim/adam.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

struct OptimizerOptions {
  double learning_rate = 1e-3;  // Adam's step size; betas and epsilon are PyTorch's defaults.
};

struct EpochOptions {
  int64_t batch_size = 128;
  bool shuffle = true;
  int64_t log_interval = 10;  // Batches between two progress reports; the last batch always reports.
};

// State of an epoch after some batch. Means are over samples.
struct TrainProgress {
  int64_t batch = 0;      // From 1.
  int64_t batches = 0;    // In the whole epoch.
  int64_t samples = 0;    // Seen so far in this epoch.
  double batch_loss = 0;  // Mean cross entropy of this batch, before its update.
  double loss = 0;        // Mean over the samples so far.
  double accuracy = 0;    // Share of the samples so far, 0 to 1.
  double seconds = 0;     // Since the start of the epoch.
};

struct EpochResult {
  bool completed = false;  // False when a stop was requested: then the figures cover the batches that ran.
  TrainProgress progress;
};

// Called on the computing thread. What it throws ends the epoch after the running batch.
using TrainProgressCallback = std::function<void(const TrainProgress&)>;

// Trains one model with Adam on the cross entropy. Belongs to the computing thread.
class Trainer {
 public:
  Trainer(ImageRnn& model, const OptimizerOptions& options);

  // One pass over the data, in the order of ShuffledOrder(seed, epoch) or of the dataset. The last, smaller batch counts.
  // `epoch` is the model's own count of epochs, from 0, so that a second training does not repeat the first one's order.
  EpochResult RunEpoch(const Dataset& dataset, uint64_t epoch, const EpochOptions& options, const StopSignal& stop,
                       const TrainProgressCallback& on_progress);

 private:
  // One update. Returns the batch's mean loss and its hits, both still on the device.
  struct BatchResult {
    torch::Tensor loss;
    torch::Tensor hits;
  };
  BatchResult Step(const torch::Tensor& images, const torch::Tensor& labels);

  ImageRnn& model_;  // Outlives the trainer: both belong to one ModelState.
  torch::optim::Adam optimizer_;
};

}  // namespace torch_rnn_mnist
