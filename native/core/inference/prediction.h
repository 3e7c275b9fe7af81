#pragma once

#include <cstdint>
#include <memory>

#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

// Logits [N, C] on the CPU for images uint8 or float32 [N, T, F] from the CPU, in eval mode, without gradients; the mode is
// restored. Throws ERR_INVALID_DATA for numbers that are not finite. Looks at `stop` before each batch; a stop throws (see StoppedError).
//
// `batch_size` 0: batches of a size that computes well and stops soon; but where there is a hook all images at once, so that it sees them
// whole.
torch::Tensor Infer(ImageRnn& model, Engine& engine, const torch::Tensor& images, int64_t batch_size,
                    const std::shared_ptr<StopSignal>& stop);

struct Prediction {
  torch::Tensor classes;        // uint8 [N]: the most probable class; the lowest of several.
  torch::Tensor probabilities;  // float32 [N, C]: the softmax of the logits.
};

// As Infer, on the CPU.
Prediction Predict(ImageRnn& model, Engine& engine, const torch::Tensor& images, int64_t batch_size,
                   const std::shared_ptr<StopSignal>& stop);

}  // namespace torch_rnn_mnist
