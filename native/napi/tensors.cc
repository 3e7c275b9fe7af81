#include "native/napi/tensors.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

#include "native/core/runtime/error.h"
#include "native/napi/arguments.h"

namespace torch_rnn_mnist {
namespace {

constexpr double kMaxElements = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER

Napi::ArrayBuffer OwnTensorMemory(Napi::Env env, const torch::Tensor& tensor) {
  const size_t bytes = tensor.nbytes();
  auto owner = std::make_unique<torch::Tensor>(tensor);
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, tensor.data_ptr(), bytes, [](napi_env, void*, void* hint) { delete static_cast<torch::Tensor*>(hint); }, owner.get(), &buffer);
  if (status == napi_ok) {
    owner.release();  // The finalizer owns it now.
    return Napi::ArrayBuffer(env, buffer);
  }
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  std::memcpy(copy.Data(), tensor.data_ptr(), bytes);
  return copy;
}

std::vector<int64_t> ReadShape(const Napi::Object& object, const std::string& name) {
  const Napi::Value value = object.Get("shape");
  if (!value.IsArray()) throw Error(kInvalidShape, "Expected an array for the shape of " + name + ".");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> shape;
  double elements = 1;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value size = array.Get(i);
    const double number = size.IsNumber() ? size.As<Napi::Number>().DoubleValue() : -1;
    elements *= number;
    if (!(number >= 0) || std::floor(number) != number || number > kMaxElements || elements > kMaxElements) {
      throw Error(kInvalidShape, "Expected whole numbers in the shape of " + name + ".");
    }
    shape.push_back(static_cast<int64_t>(number));
  }
  return shape;
}

}  // namespace

Napi::Object TensorToJavaScript(Napi::Env env, const torch::Tensor& tensor) {
  const torch::Tensor data = tensor.contiguous();
  Napi::Array shape = Napi::Array::New(env, static_cast<size_t>(data.dim()));
  for (int64_t i = 0; i < data.dim(); ++i) shape.Set(static_cast<uint32_t>(i), static_cast<double>(data.size(i)));
  Napi::Object result = Napi::Object::New(env);
  result.Set("data", Napi::Float32Array::New(env, static_cast<size_t>(data.numel()), OwnTensorMemory(env, data), 0));
  result.Set("shape", shape);
  return result;
}

Napi::Uint8Array BytesToJavaScript(Napi::Env env, const torch::Tensor& tensor) {
  const torch::Tensor data = tensor.contiguous();
  return Napi::Uint8Array::New(env, static_cast<size_t>(data.numel()), OwnTensorMemory(env, data), 0);
}

torch::Tensor BorrowFromJavaScript(const Napi::Value& value, const std::string& name) {
  const Napi::Object object = RequireObject(value, name.c_str());
  const std::vector<int64_t> shape = ReadShape(object, name);
  const Napi::Value data = object.Get("data");
  if (!data.IsTypedArray()) throw Error(kInvalidArgument, "Expected a typed array for the data of " + name + ".");
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* bytes = nullptr;
  if (napi_get_typedarray_info(value.Env(), data, &type, &length, &bytes, nullptr, nullptr) != napi_ok) throw Napi::Error::New(value.Env());
  const bool is_bytes = type == napi_uint8_array || type == napi_uint8_clamped_array;
  if (!is_bytes && type != napi_float32_array) {
    throw Error(kInvalidArgument, "Expected a Uint8Array or a Float32Array for the data of " + name + ".");
  }
  const int64_t elements = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  if (static_cast<size_t>(elements) != length) {  // Checked before anything is allocated for a wrong shape.
    throw Error(kInvalidShape, "Expected " + std::to_string(elements) + " values for " + name + " by its shape but received " +
                                   std::to_string(length) + ".");
  }
  return torch::from_blob(bytes, shape, is_bytes ? torch::kUInt8 : torch::kFloat32);
}

// Does not use clone(), which starts threads for large tensors (see threads.h).
torch::Tensor TensorFromJavaScript(const Napi::Value& value, const std::string& name) {
  const torch::Tensor borrowed = BorrowFromJavaScript(value, name);
  torch::Tensor tensor = torch::empty(borrowed.sizes(), borrowed.options());
  if (borrowed.numel() > 0) std::memcpy(tensor.mutable_data_ptr(), borrowed.const_data_ptr(), borrowed.nbytes());
  return tensor;
}

torch::Tensor CopyForJavaScript(const torch::Tensor& tensor) {
  // Two copies at most on a GPU; on the CPU the clone is needed, because autograd still uses the original.
  return tensor.detach().to(torch::kCPU, torch::kFloat32).clone(at::MemoryFormat::Contiguous);
}

}  // namespace torch_rnn_mnist
