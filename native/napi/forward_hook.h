#pragma once

#include <napi.h>

#include <memory>

#include "native/core/model/forward_hooks.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {

// A hook that calls a JavaScript function with copies of a module's inputs and outputs and waits until it is done, as in PyTorch.
// The function is held weakly: the code that registers it must keep it alive.
ForwardHook MakeForwardHook(Napi::Env env, Napi::Function function, std::shared_ptr<const ResultArrays> arrays);

}  // namespace torch_rnn_mnist
