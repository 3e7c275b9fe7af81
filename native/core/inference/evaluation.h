#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/stop_signal.h"
#include "native/core/training/engine.h"

namespace torch_rnn_mnist {

// The samples that were not recognised, the surest answers first; of equally sure ones, the first of the data set. On the CPU.
struct Mistakes {
  torch::Tensor samples;        // int64 [K]
  torch::Tensor answers;        // int64 [K]
  torch::Tensor probabilities;  // float32 [K]: of the answer, by the softmax.
};

struct Evaluation {
  double loss = 0;          // Mean cross entropy over samples.
  torch::Tensor confusion;  // int64 [C, C] on the CPU: row = label, column = prediction.
  int64_t samples = 0;
  std::optional<Mistakes> mistakes;  // Only where some are asked for.
  double seconds = 0;
};

struct EvaluationOptions {
  int64_t batch_size = 0;  // 0: batches of 1000.
  int64_t mistakes = 0;    // The most that are kept. Above 0, a few bytes for each sample are held meanwhile.
};

// Evaluates in eval mode, without gradients, then restores the mode. Checks `stop` before each batch; a stop throws (see StoppedError).
Evaluation Evaluate(ImageRnn& model, Engine& engine, const Dataset& dataset, const EvaluationOptions& options,
                    const std::shared_ptr<StopSignal>& stop);

}  // namespace torch_rnn_mnist
