#pragma once

#include <napi.h>
#include <torch/types.h>

#include <string>

namespace torch_rnn_mnist {

// { data: Float32Array, shape: number[] } over the memory of a float32 tensor on the CPU. The array then owns the tensor, so nothing large
// is copied on the JavaScript thread (unless the runtime forbids external memory). The caller must not write to the tensor afterwards.
Napi::Object TensorToJavaScript(Napi::Env env, const torch::Tensor& tensor);

// A Uint8Array over a uint8 tensor on the CPU, owned in the same way.
Napi::Uint8Array BytesToJavaScript(Napi::Env env, const torch::Tensor& tensor);

// A tensor with a copy of { data: Uint8Array | Float32Array, shape: number[] }. Throws Error ERR_INVALID_SHAPE when the shape does not
// fit the data, and ERR_INVALID_ARGUMENT for any other value. `name` is for the message.
torch::Tensor TensorFromJavaScript(const Napi::Value& value, const std::string& name);

// Like TensorFromJavaScript, but without the copy: the array must stay alive and unchanged while the tensor is used.
torch::Tensor BorrowFromJavaScript(const Napi::Value& value, const std::string& name);

// A copy that a hook may keep and change: float32, contiguous, on the CPU, and with memory of its own.
torch::Tensor CopyForJavaScript(const torch::Tensor& tensor);

}  // namespace torch_rnn_mnist
