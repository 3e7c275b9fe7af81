#pragma once

#include <torch/types.h>

#include "native/core/model/image_rnn.h"

namespace torch_rnn_mnist {

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
