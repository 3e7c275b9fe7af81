#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "native/core/data/sequences.h"
#include "native/core/model/flat_tensors.h"
#include "native/core/model/forward_hooks.h"
#include "native/core/model/model_options.h"
#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

// Reads an image row by row with a stacked Elman network; the top layer's last output goes through one linear layer.
// Not thread-safe, except for `hooks`: it belongs to the computing thread.
class ImageRnn : public torch::nn::Module {
 public:
  // The parameters equal those of nn.RNN and then nn.Linear made in Python after torch.manual_seed(seed).
  // `hooks` may be shared with the code that sets them; null: the model makes its own.
  explicit ImageRnn(const ModelOptions& options, std::shared_ptr<ForwardHooks> hooks = nullptr);

  // Images or sequences as they come, uint8 or float32 on any device, as Forward and the engines take them: float32 on the model's device,
  // scaled (see ScaleImages), then normalised where the options say so.
  Sequences Prepare(const Sequences& raw) const;
  // Of scaled images on the model's device.
  torch::Tensor Normalize(const torch::Tensor& images) const;

  // images: float32 [N, T, F] on the model's device, any N and T. Returns logits [N, C] in float32. The initial state is zero. Of a
  // sequence with a length, the last real step is what the linear layer reads, as with PyTorch's pack_padded_sequence.
  // `stop` is the stop signal of the call that runs this pass; it ends the wait for a hook.
  torch::Tensor Forward(const Sequences& images, const std::shared_ptr<StopSignal>& stop);

  // h_0: zeros [L, N, H].
  torch::Tensor InitHidden(int64_t batch_size) const;

  // The parameters, all in one buffer. Changing them changes the network.
  FlatTensors& values() { return values_; }
  // Makes autograd add the parameters' gradients to `gradients`, which must stay alive and on the model's device.
  void CollectGradientsIn(const FlatTensors& gradients);

  // Moves the parameters and drops the gradients. If it throws, the network is unchanged.
  void MoveTo(torch::Device device);

  torch::Device device() const { return values_.flat().device(); }
  const ModelOptions& options() const { return options_; }
  ForwardHooks& hooks() { return *hooks_; }

 private:
  // sequences: [T, N, F], initial: [L, N, H]. Returns the top layer's outputs [T, N, H], and the final states [L, N, H].
  // `copies`: of all parameters, in bfloat16, which are then computed with; or none.
  using States = std::tuple<torch::Tensor, torch::Tensor>;
  States RunLayers(const torch::Tensor& sequences, const torch::Tensor& initial, const std::vector<torch::Tensor>& copies);
  // The same of sequences with lengths. The outputs are 0 where a sequence has ended; undefined if nobody wants them.
  States RunPadded(const torch::Tensor& sequences, const torch::Tensor& lengths, const torch::Tensor& initial,
                   const std::vector<torch::Tensor>& copies, bool wants_outputs);
  // nn::RNN's function with this network's activation.
  template <typename... Arguments>
  States RunRecurrent(const Arguments&... arguments);
  // The recurrent layers' parameters.
  std::vector<torch::Tensor> RecurrentParameters(const std::vector<torch::Tensor>& copies) const;
  void InitializeParameters();
  void UseParametersOf(FlatTensors values);

  const ModelOptions options_;
  torch::nn::RNN basic_rnn{nullptr};  // The tutorial's names: they appear in the state dict.
  torch::nn::Linear FC{nullptr};
  FlatTensors values_;
  torch::Tensor mean_, std_;  // [F] on the device; undefined without a normalization.
  const std::shared_ptr<ForwardHooks> hooks_;
};

}  // namespace torch_rnn_mnist
