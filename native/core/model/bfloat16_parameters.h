#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "native/core/model/flat_tensors.h"

namespace torch_rnn_mnist {

// Copies of a network's parameters in bfloat16, in the order of the layout. Autograd passes the gradients of the copies on to the
// parameters, in float32. The copies lie in one buffer with the layout of `values`, so that cuDNN can use them where they are.
//
// `parameters`: the network's, which are views of `values`, in the order of the layout.
std::vector<at::Tensor> CopyToBfloat16(const FlatTensors& values, const std::vector<at::Tensor>& parameters);

}  // namespace torch_rnn_mnist
