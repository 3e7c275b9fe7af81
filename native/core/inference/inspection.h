#pragma once

#include <torch/types.h>

#include <memory>

#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

// What happens inside the network while it reads images. float32 on the CPU.
struct Inspection {
  torch::Tensor hidden_states;   // [L, T, N, H]: the state of every layer after every row.
  torch::Tensor probabilities;   // [T, N, C]: the softmax of the linear layer applied to the top layer's state after each row.
  torch::Tensor gradient_norms;  // [L, T, N]: the 2-norm of the derivative of the sample's loss by each state. Undefined without labels.
};  // All are 0 where a sequence has ended.

// images: as for Infer. labels: uint8 [N] on the CPU; an undefined tensor for none, and then no gradient is computed.
//
// Computes by libtorch whatever the engine, step by step and layer by layer, and runs no hooks. A gradient is the total derivative: a state
// acts on the loss through the later states of its layer, and through the layers above it. The loss is the cross entropy.
//
// Throws as Infer, ERR_INVALID_DATA for a label without a class, and ERR_INVALID_SHAPE where the hidden states would take more than 1 GiB.
// Checks `stop` before each batch, whose size is chosen so that the states of one take at most some 64 MiB.
Inspection Inspect(ImageRnn& model, const Sequences& images, const torch::Tensor& labels, const std::shared_ptr<StopSignal>& stop);

}  // namespace torch_rnn_mnist
