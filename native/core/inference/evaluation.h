#pragma once

#include <cstdint>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

struct Evaluation {
  double loss = 0;          // Mean cross entropy over samples.
  torch::Tensor confusion;  // int64 [C, C] on the CPU: row = label, column = prediction.
  int64_t samples = 0;
  double seconds = 0;
};

// Evaluates in eval mode, without gradients, and restores the mode. Throws Error ERR_DISPOSED when a stop is requested.
Evaluation Evaluate(ImageRnn& model, const Dataset& dataset, int64_t batch_size, const StopSignal& stop);

// Logits [N, C] on the CPU for images uint8 or float32 [N, T, F] from the CPU, in eval mode, without gradients; the mode is
// restored. Throws ERR_INVALID_DATA for numbers that are not finite. Computed in pieces, so that a stop does not wait long, unless a hook
// is there: hooks see the batch whole.
torch::Tensor Infer(ImageRnn& model, const torch::Tensor& images, const StopSignal& stop);

struct Prediction {
  torch::Tensor classes;        // uint8 [N]: the most probable class; the lowest of several.
  torch::Tensor probabilities;  // float32 [N, C]: the softmax of the logits.
};

// As Infer, on the CPU.
Prediction Predict(ImageRnn& model, const torch::Tensor& images, const StopSignal& stop);

}  // namespace torch_rnn_mnist
