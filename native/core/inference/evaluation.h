#pragma once

#include <cstdint>
#include <memory>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

struct Evaluation {
  double loss = 0;          // Mean cross entropy over samples.
  torch::Tensor confusion;  // int64 [C, C] on the CPU: row = label, column = prediction.
  int64_t samples = 0;
  double seconds = 0;
};

// Evaluates in eval mode, without gradients, then restores the mode. Checks `stop` before each batch; a stop throws (see StoppedError).
// `batch_size` 0: batches of 1000.
Evaluation Evaluate(ImageRnn& model, Engine& engine, const Dataset& dataset, int64_t batch_size, const std::shared_ptr<StopSignal>& stop);

}  // namespace torch_rnn_mnist
