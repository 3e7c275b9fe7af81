#pragma once

#include <torch/types.h>

#include <cstdint>

#include "native/core/model/image_rnn.h"

namespace torch_rnn_mnist {

// Samples that are computed at once where the caller leaves it open: about 0.1 s on two cores, so that a stop takes effect soon.
inline constexpr int64_t kDefaultBatch = 1000;

// Eval mode without gradients while the object lives.
class EvalMode {
 public:
  explicit EvalMode(ImageRnn& model) : model_(model), was_training_(model.is_training()) { model_.eval(); }
  ~EvalMode() { model_.train(was_training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  torch::NoGradGuard no_grad_;
  ImageRnn& model_;
  const bool was_training_;
};

}  // namespace torch_rnn_mnist
