#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "native/core/model/image_rnn.h"
#include "native/core/training/engine.h"
#include "native/fused/network.h"

namespace torch_rnn_mnist {

// How the fused engine computes.
struct FusedOptions {
  const fused::InstructionSet* instruction_set = nullptr;  // One of fused::InstructionSets(), which live as long as the process.
  bool shares_blank_prefix = true;
};

// The processor's fastest instruction set, unless the environment variables TORCH_RNN_MNIST_CPU and TORCH_RNN_MNIST_BLANK_PREFIX say
// otherwise. On the JavaScript thread, because that is where programs change the environment. Throws ERR_INVALID_ARGUMENT for an
// instruction set that there is not.
FusedOptions ReadFusedOptions();

// The network of native/fused over the model's own parameters, on the CPU, in float32. It runs no forward hooks.
class FusedEngine : public Engine {
 public:
  // `threads`: that compute, the calling one included.
  FusedEngine(ImageRnn& model, const FusedOptions& options, int threads);

  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override;
  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override;
  void UseGradients(const FlatTensors& gradients) override;
  torch::Tensor Orthogonalize(const torch::Tensor& matrices) override;

  // Ends the threads and frees the memory that only work needs; the next batch takes new ones.
  void Rest() { network_.Rest(); }

 private:
  // Gives the network the model's parameters, where they have changed since it got them.
  void TakeParameters();

  ImageRnn& model_;  // Outlives the engine: both belong to one ModelSession.
  fused::Network network_;
  torch::Tensor values_;  // The buffer that the network has its parameters from. Held, so that no other one gets its place in memory.
  uint32_t version_ = 0;  // libtorch's count of changes to it, when the network got them.
  fused::Parameters parameters_;
  torch::Tensor sums_;  // The buffer of the gradients.
  fused::Gradients gradients_;
};

}  // namespace torch_rnn_mnist
