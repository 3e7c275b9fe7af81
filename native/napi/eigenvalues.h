#pragma once

#include <napi.h>

namespace torch_rnn_mnist {

// eigenvalues(matrix, allocate), as lib/addon/binding.ts describes it.
Napi::Value EigenvaluesOf(const Napi::CallbackInfo& info);

}  // namespace torch_rnn_mnist
