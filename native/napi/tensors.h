#pragma once

#include <napi.h>
#include <torch/types.h>

#include <string>

#include "native/napi/held_function.h"

namespace torch_rnn_mnist {

// Makes the arrays of results, by a JavaScript function that allocates them: allocate(dtype, shape) returns { data: typed array, shape }.
// So an array is memory of JavaScript's own, which can be transferred to a worker; it belongs to the realm of the calling code, also in a
// vm context; and when there is no memory for it, that function throws.
//
// Created on the JavaScript thread; may be destroyed on any thread. The function is held weakly: the code that passes it must keep it
// alive.
class ResultArrays {
 public:
  ResultArrays(Napi::Env env, Napi::Function allocate);

  // On the JavaScript thread: an array with a copy of a contiguous tensor on the CPU: a Float32Array for float32, a Float64Array for
  // float64 and for int64 (numbers up to 2^53 stay exact). Throws Error, or what the function throws.
  Napi::Object Copy(Napi::Env env, const torch::Tensor& tensor) const;

 private:
  const HeldFunction allocate_;
};

// A tensor with a copy of { data: Uint8Array | Float32Array, shape: number[] }. Throws Error ERR_INVALID_SHAPE when the shape does not
// fit the data, and ERR_INVALID_ARGUMENT for any other value. `name` is for the message.
torch::Tensor TensorFromJavaScript(const Napi::Value& value, const std::string& name);

// Like TensorFromJavaScript, but without the copy: the array must stay alive and unchanged while the tensor is used.
torch::Tensor BorrowFromJavaScript(const Napi::Value& value, const std::string& name);

// The property `lengths` of an object { data, shape, lengths?: Int32Array }, as an int32 tensor [N] that borrows the array. Undefined where
// there is none. Throws Error ERR_INVALID_ARGUMENT.
torch::Tensor BorrowLengths(const Napi::Object& sequences);

// A tensor as ResultArrays takes it: float32, contiguous, on the CPU. Shares the memory where nothing has to change.
torch::Tensor PrepareForJavaScript(const torch::Tensor& tensor);

}  // namespace torch_rnn_mnist
