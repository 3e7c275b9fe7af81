#include "native/napi/dataset_wrap.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "native/core/runtime/error.h"
#include "native/napi/arguments.h"
#include "native/napi/async_call.h"
#include "native/napi/environment.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kMaxSamples = std::numeric_limits<uint32_t>::max();

// The object behind `value`, which `constructor` must have made.
template <typename Wrap>
Wrap* UnwrapAs(const Napi::Value& value, const Napi::FunctionReference& constructor, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(constructor.Value())) {
    throw Error(kInvalidArgument, std::string("Expected ") + name + ".");
  }
  return Wrap::Unwrap(value.As<Napi::Object>());
}

std::shared_ptr<const ImageStorage> ReadStorage(const Napi::CallbackInfo& info) {
  LabelledImages data{BorrowFromJavaScript(info[0], "images"), BorrowFromJavaScript(info[1], "labels"),
                      BorrowLengths(RequireObject(info[0], "images"))};
  Napi::Array owners = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < 2; ++i) owners.Set(i, info[i].As<Napi::Object>().Get("data"));
  if (data.lengths.defined()) owners.Set(uint32_t{2}, info[0].As<Napi::Object>().Get("lengths"));
  return std::make_shared<const ImageStorage>(std::move(data), Environment::Of(info.Env()).KeepAlive(owners));
}

std::shared_ptr<const Dataset> ReadDataset(const Napi::CallbackInfo& info) {
  std::shared_ptr<const ImageStorage> storage = StorageWrap::Read(info[0]);
  if (info[1].IsTypedArray()) {
    if (info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
      throw Error(kInvalidArgument, "Expected a Uint32Array for samples.");
    }
    const auto samples = info[1].As<Napi::Uint32Array>();
    return std::make_shared<const Dataset>(std::move(storage),
                                           std::vector<int64_t>(samples.Data(), samples.Data() + samples.ElementLength()));
  }
  const Napi::Object range = RequireObject(info[1], "samples");
  const int64_t first = RequireInteger(range, "first", 0, kMaxSamples);
  const int64_t count = RequireInteger(range, "count", 1, kMaxSamples);
  return std::make_shared<const Dataset>(std::move(storage), first, count);
}

}  // namespace

Napi::Function StorageWrap::Define(Napi::Env env) { return DefineClass(env, "ImageStorage", {}); }

StorageWrap::StorageWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  storage_ = Guarded(info.Env(), [&] { return ReadStorage(info); });
}

std::shared_ptr<const ImageStorage> StorageWrap::Read(const Napi::Value& value) {
  return UnwrapAs<StorageWrap>(value, Environment::Of(value.Env()).storage_constructor, "an ImageStorage")->storage_;
}

Napi::Function DatasetWrap::Define(Napi::Env env) { return DefineClass(env, "Dataset", {}); }

DatasetWrap::DatasetWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  dataset_ = Guarded(info.Env(), [&] { return ReadDataset(info); });
}

std::shared_ptr<const Dataset> DatasetWrap::Read(const Napi::Value& value) {
  return UnwrapAs<DatasetWrap>(value, Environment::Of(value.Env()).dataset_constructor, "a Dataset")->dataset_;
}

}  // namespace torch_rnn_mnist
