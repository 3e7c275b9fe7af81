#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "native/core/data/batches.h"
#include "native/core/model/flat_tensors.h"
#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

// What a batch adds to the figures of an epoch. Sums, not means, so that batches of different sizes add up; on the device, so that nobody
// waits for it.
struct BatchSums {
  torch::Tensor loss;  // float32: the sum of the samples' cross entropies, before the update.
  torch::Tensor hits;  // int64: samples whose highest score is that of their label.
  int64_t samples = 0;
};

// Computes logits and gradients of one network, nothing else: data, update, training state and metrics are the same code for every engine.
// Belongs to the computing thread.
class Engine {
 public:
  virtual ~Engine() = default;

  // images: float32 [N, T, F] on the model's device. Returns logits [N, C].
  virtual torch::Tensor Logits(const torch::Tensor& images, const std::shared_ptr<StopSignal>& stop) = 0;
  // Adds the gradient of the SUM of the samples' losses to `gradients`, as it was given last to UseGradients.
  virtual BatchSums Accumulate(const Batch& batch, const std::shared_ptr<StopSignal>& stop) = 0;
  // Where Accumulate adds. Stays alive until the next call.
  virtual void UseGradients(const FlatTensors& gradients) = 0;
};

}  // namespace torch_rnn_mnist
