#pragma once

#include <exception>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {

// Turns any exception, libtorch's included, into an Error. Out of memory gets its own code; C++ backtraces go into `detail`.
Error TranslateException(const std::exception_ptr& exception);

}  // namespace torch_rnn_mnist
