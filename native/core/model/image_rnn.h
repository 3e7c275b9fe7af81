#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/model/forward_hooks.h"

// Dimension letters, everywhere: N batch, T time steps (rows), F features (columns), H hidden, L layers, C classes.
namespace torch_rnn_mnist {

enum class Nonlinearity { kTanh, kRelu };
enum class RecurrentInit {
  kIdentity,  // The tutorial's trick: every recurrent matrix starts as the identity.
  kUniform,   // PyTorch's own: uniform in +-1/sqrt(H).
};

// The defaults are the tutorial's network.
struct ModelOptions {
  int64_t input_size = 28;
  int64_t hidden_size = 150;
  int64_t num_layers = 3;
  int64_t num_classes = 10;
  Nonlinearity nonlinearity = Nonlinearity::kTanh;
  RecurrentInit recurrent_init = RecurrentInit::kIdentity;
  uint64_t seed = 1;
};

// The parameters and their values by PyTorch's names, in PyTorch's order.
using StateDict = std::vector<std::pair<std::string, torch::Tensor>>;

// Reads an image row by row with a stacked Elman network; the top layer's last output goes through one linear layer.
// Not thread-safe, apart from `hooks`: it belongs to the thread that computes.
class ImageRnn : public torch::nn::Module {
 public:
  // With the same seed the parameters equal those that Python makes after torch.manual_seed(seed) with nn.RNN, then nn.Linear.
  // `hooks` may be shared with whoever sets them; null: hooks of its own.
  explicit ImageRnn(const ModelOptions& options, std::shared_ptr<ForwardHooks> hooks = nullptr);

  // images: float32 [N, T, F] on the model's device, any N and T. Returns logits [N, C]. The initial state is zero.
  torch::Tensor Forward(const torch::Tensor& images);

  // h_0: zeros [L, N, H].
  torch::Tensor InitHidden(int64_t batch_size) const;

  // Copies on the CPU.
  StateDict CopyState() const;
  // Replaces every parameter. Throws ERR_INVALID_DATA or ERR_INVALID_SHAPE, before anything is changed, when a name is missing,
  // unknown or twice there, or a shape differs.
  void LoadState(const StateDict& state);

  torch::Device device() const { return FC->weight.device(); }
  const ModelOptions& options() const { return options_; }
  ForwardHooks& hooks() { return *hooks_; }

 private:
  void InitializeParameters();

  const ModelOptions options_;
  torch::nn::RNN basic_rnn{nullptr};  // Named as in the tutorial, because the names are those of the state dict.
  torch::nn::Linear FC{nullptr};
  const std::shared_ptr<ForwardHooks> hooks_;
};

}  // namespace torch_rnn_mnist
