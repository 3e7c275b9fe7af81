#pragma once

#include <napi.h>

#include "native/core/model/forward_hooks.h"

namespace torch_rnn_mnist {

// A hook that calls a JavaScript function with copies of a module's inputs and outputs and waits until it is done, as in PyTorch.
// The function is held weakly: the code that registers it must keep it alive.
ForwardHook MakeForwardHook(Napi::Env env, Napi::Function function);

}  // namespace torch_rnn_mnist
