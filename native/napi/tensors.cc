#include "native/napi/tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "native/core/runtime/error.h"
#include "native/napi/arguments.h"

namespace torch_rnn_mnist {
namespace {

constexpr double kMaxElements = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER

// The memory of a new array, which must have this type and length.
template <typename Element>
Element* MemoryOf(const Napi::Object& array, napi_typedarray_type type, int64_t length) {
  const Napi::Value data = array.Get("data");
  napi_typedarray_type actual_type = napi_int8_array;
  size_t actual_length = 0;
  void* memory = nullptr;
  const bool is_right = data.IsTypedArray() &&
                        napi_get_typedarray_info(array.Env(), data, &actual_type, &actual_length, &memory, nullptr, nullptr) == napi_ok &&
                        actual_type == type && actual_length == static_cast<size_t>(length);
  if (!is_right) throw Error(kInvalidArgument, "Expected an array for a result of " + std::to_string(length) + " numbers.");
  return static_cast<Element*>(memory);
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

ResultArrays::ResultArrays(Napi::Env env, Napi::Function allocate) : allocate_(env, allocate, Environment::Hold::kWeak) {}

// Plain loops: libtorch's operations would start threads for large tensors (see threads.h).
Napi::Object ResultArrays::Copy(Napi::Env env, const torch::Tensor& tensor) const {
  const Napi::Function allocate = Environment::Of(env).FindFunction(allocate_.id());
  if (allocate.IsEmpty()) throw Error(kDisposed, "The model that this result belongs to is gone.");
  const bool is_float = tensor.scalar_type() == torch::kFloat32;
  const bool is_double = tensor.scalar_type() == torch::kFloat64;
  if ((!is_float && !is_double && tensor.scalar_type() != torch::kInt64) || !tensor.is_contiguous() || !tensor.is_cpu()) {
    throw Error(kInvalidArgument, "Expected a contiguous tensor (float32, float64 or int64) on the CPU for a result.");
  }
  Napi::Array shape = Napi::Array::New(env, static_cast<size_t>(tensor.dim()));
  for (int64_t i = 0; i < tensor.dim(); ++i) shape.Set(static_cast<uint32_t>(i), static_cast<double>(tensor.size(i)));
  const Napi::Value made = allocate.Call({Napi::String::New(env, is_float ? "float32" : "float64"), shape});
  Napi::Object array = RequireObject(made, "a result");
  if (is_float) {
    auto* const memory = MemoryOf<float>(array, napi_float32_array, tensor.numel());
    if (tensor.numel() > 0) std::memcpy(memory, tensor.const_data_ptr<float>(), tensor.nbytes());
  } else {
    auto* const memory = MemoryOf<double>(array, napi_float64_array, tensor.numel());
    if (is_double)
      std::copy_n(tensor.const_data_ptr<double>(), tensor.numel(), memory);
    else
      std::copy_n(tensor.const_data_ptr<int64_t>(), tensor.numel(), memory);
  }
  return array;
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

torch::Tensor BorrowLengths(const Napi::Object& sequences) {
  const Napi::Value value = sequences.Get("lengths");
  if (value.IsUndefined()) return {};
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw Error(kInvalidArgument, "Expected an Int32Array for lengths.");
  }
  auto lengths = value.As<Napi::Int32Array>();
  return torch::from_blob(lengths.Data(), {static_cast<int64_t>(lengths.ElementLength())}, torch::kInt32);
}

// Does not use clone(), which starts threads for large tensors (see threads.h).
torch::Tensor TensorFromJavaScript(const Napi::Value& value, const std::string& name) {
  const torch::Tensor borrowed = BorrowFromJavaScript(value, name);
  torch::Tensor tensor = torch::empty(borrowed.sizes(), borrowed.options());
  if (borrowed.numel() > 0) std::memcpy(tensor.mutable_data_ptr(), borrowed.const_data_ptr(), borrowed.nbytes());
  return tensor;
}

torch::Tensor PrepareForJavaScript(const torch::Tensor& tensor) { return tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous(); }

}  // namespace torch_rnn_mnist
