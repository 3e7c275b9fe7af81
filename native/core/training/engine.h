#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "native/core/data/batches.h"
#include "native/core/model/flat_tensors.h"
#include "native/core/runtime/stop_signal.h"
#include "native/core/training/muon.h"

namespace torch_rnn_mnist {

// The loss that is trained: the cross entropy between logits and labels.
struct LossOptions {
  double label_smoothing = 0;  // 0 to 1: the share of the target that is spread evenly over all classes (torch.nn.CrossEntropyLoss).
};

// What a batch adds to the metrics of an epoch. Sums, not means, so that batches of different sizes add up. They stay on the device, so
// that no batch waits for it.
struct BatchSums {
  torch::Tensor loss;  // float32: the sum of the samples' losses, before the update.
  torch::Tensor hits;  // int64: samples whose highest score is that of their label.
  int64_t samples = 0;
};

// Computes what takes most of the time: logits and gradients of one network, and Muon's orthogonal matrices. Data, updates, training state
// and metrics are common to all engines. Belongs to the computing thread.
class Engine {
 public:
  virtual ~Engine() = default;

  // images: float32 [N, T, F] on the model's device. Returns logits [N, C].
  virtual torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) = 0;
  // Adds the gradient of the SUM of the samples' losses to the buffer that UseGradients was last given.
  virtual BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) = 0;
  // Sets the buffer that Accumulate adds to. It must stay alive until the next call.
  virtual void UseGradients(const FlatTensors& gradients) = 0;
  // See OrthogonalizeFunction in muon.h. By libtorch, unless an engine is faster.
  virtual torch::Tensor Orthogonalize(const torch::Tensor& matrices) { return torch_rnn_mnist::Orthogonalize(matrices); }
};

}  // namespace torch_rnn_mnist
