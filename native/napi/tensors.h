#pragma once

#include <napi.h>
#include <torch/types.h>

#include <string>

namespace torch_rnn_mnist {

// { data: Float32Array, shape: number[] } over a float32 tensor on the CPU, which the array then owns: nothing large is copied on the
// JavaScript thread (unless the runtime forbids external memory). The caller must not write to the tensor any more.
Napi::Object TensorToJavaScript(Napi::Env env, const torch::Tensor& tensor);

// Uint8Array over a uint8 tensor on the CPU, owned likewise.
Napi::Uint8Array BytesToJavaScript(Napi::Env env, const torch::Tensor& tensor);

// A tensor with a copy of { data: Uint8Array | Float32Array, shape: number[] }. Throws Error ERR_INVALID_SHAPE when the shape does not
// fit the data, ERR_INVALID_ARGUMENT when it is something else. `name` is for the message.
torch::Tensor TensorFromJavaScript(const Napi::Value& value, const std::string& name);

// As TensorFromJavaScript, but without the copy: the array must stay alive and unchanged as long as the tensor is used.
torch::Tensor BorrowFromJavaScript(const Napi::Value& value, const std::string& name);

// Float32, contiguous, on the CPU, and sharing memory with nobody: what a hook may keep and change.
torch::Tensor CopyForJavaScript(const torch::Tensor& tensor);

}  // namespace torch_rnn_mnist
