#pragma once

#include <napi.h>

#include "native/core/model/forward_hooks.h"

namespace torch_rnn_mnist {

// A hook that calls a JavaScript function with copies of what flows through a module, and waits until it is done with them, as in PyTorch.
// The function is held weakly: whoever registers it keeps it alive.
ForwardHook MakeForwardHook(Napi::Env env, Napi::Function function);

}  // namespace torch_rnn_mnist
