#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <cstdint>
#include <memory>

#include "native/core/model/flat_tensors.h"
#include "native/core/model/forward_hooks.h"
#include "native/core/model/model_options.h"
#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

// Reads an image row by row with a stacked Elman network; the top layer's last output goes through one linear layer.
// Not thread-safe, apart from `hooks`: it belongs to the thread that computes.
class ImageRnn : public torch::nn::Module {
 public:
  // With the same seed the parameters equal those that Python makes after torch.manual_seed(seed) with nn.RNN, then nn.Linear.
  // `hooks` may be shared with whoever sets them; null: hooks of its own.
  explicit ImageRnn(const ModelOptions& options, std::shared_ptr<ForwardHooks> hooks = nullptr);

  // images: float32 [N, T, F] on the model's device, any N and T. Returns logits [N, C]. The initial state is zero.
  // `stop` is the signal of the call that this pass belongs to: it ends the waiting for a hook.
  torch::Tensor Forward(const torch::Tensor& images, const std::shared_ptr<StopSignal>& stop);

  // h_0: zeros [L, N, H].
  torch::Tensor InitHidden(int64_t batch_size) const;

  // The parameters, all in one buffer. Whoever changes them changes the network.
  FlatTensors& values() { return values_; }
  // Has autograd add the gradients of the parameters to `gradients`, which must stay alive and on the model's device.
  void CollectGradientsIn(const FlatTensors& gradients);

  // Moves the parameters, and forgets the gradients. When that throws, the network is as it was.
  void MoveTo(torch::Device device);

  torch::Device device() const { return values_.flat().device(); }
  const ModelOptions& options() const { return options_; }
  ForwardHooks& hooks() { return *hooks_; }

 private:
  void InitializeParameters();
  void UseParametersOf(FlatTensors values);

  const ModelOptions options_;
  torch::nn::RNN basic_rnn{nullptr};  // Named as in the tutorial, because the names are those of the state dict.
  torch::nn::Linear FC{nullptr};
  FlatTensors values_;
  const std::shared_ptr<ForwardHooks> hooks_;
};

}  // namespace torch_rnn_mnist
