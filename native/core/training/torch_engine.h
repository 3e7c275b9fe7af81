#pragma once

#include "native/core/model/image_rnn.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

// nn::RNN with autograd, on any device.
class TorchEngine : public Engine {
 public:
  explicit TorchEngine(ImageRnn& model) : model_(model) {}

  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override;
  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override;
  void UseGradients(const FlatTensors& gradients) override;

 private:
  ImageRnn& model_;  // Outlives the engine: both belong to one ModelSession.
};

}  // namespace torch_rnn_mnist
