#pragma once

#include <cstdint>
#include <memory>

#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

// Throws ERR_INVALID_DATA for images with a number that is not finite.
void CheckFinite(const torch::Tensor& images);

// images: uint8 or float32 [N, T, F], and lengths where they have some, on the CPU. Returns logits [N, C] on the CPU. Runs in eval mode,
// without gradients, then restores the mode. Throws ERR_INVALID_DATA for numbers that are not finite, and as CheckLengths. Checks `stop`
// before each batch; a stop throws (see StoppedError).
//
// `batch_size` 0: batches of 1000, so that a stop takes effect soon; with a hook, all images in one batch, so that the hook sees them all.
torch::Tensor Infer(ImageRnn& model, Engine& engine, const Sequences& images, int64_t batch_size, const std::shared_ptr<StopSignal>& stop);

struct Prediction {
  torch::Tensor classes;        // int64 [N]: the most probable class; in a tie, the lowest.
  torch::Tensor probabilities;  // float32 [N, C]: the softmax of the logits.
};

// Like Infer; results on the CPU.
Prediction Predict(ImageRnn& model, Engine& engine, const Sequences& images, int64_t batch_size, const std::shared_ptr<StopSignal>& stop);

}  // namespace torch_rnn_mnist
