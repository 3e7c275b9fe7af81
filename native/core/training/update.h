#pragma once

#include "native/core/model/flat_tensors.h"
#include "native/core/training/training_state.h"

namespace torch_rnn_mnist {

// One step of Adam (Kingma and Ba, 2015; torch.optim.Adam with its default betas and epsilon) with the mean of the accumulated gradients.
// It leaves the mean in their buffer, so the next accumulation must start from zero.
void ApplyUpdate(FlatTensors& values, TrainingState& state, double learning_rate);

}  // namespace torch_rnn_mnist
