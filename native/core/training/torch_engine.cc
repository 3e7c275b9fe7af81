#include "native/core/training/torch_engine.h"

#include <torch/nn/functional/loss.h>

namespace torch_rnn_mnist {

torch::Tensor TorchEngine::Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) { return model_.Forward(images, stop); }

BatchSums TorchEngine::Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) {
  const torch::Tensor logits = model_.Forward(batch.sequences(), stop);
  const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum).label_smoothing(options.label_smoothing);
  const torch::Tensor loss = torch::nn::functional::cross_entropy(logits, batch.labels, sum);
  {
    const PrecisionGuard precision(model_.options().precision, model_.device());
    loss.backward();
  }
  return {loss.detach(), logits.detach().argmax(/*dim=*/1).eq(batch.labels).sum(), batch.size()};
}

void TorchEngine::UseGradients(const FlatTensors& gradients) { model_.CollectGradientsIn(gradients); }

}  // namespace torch_rnn_mnist
