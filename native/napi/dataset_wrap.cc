#include "native/napi/dataset_wrap.h"

#include "native/core/runtime/error.h"
#include "native/napi/async_call.h"
#include "native/napi/environment.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

std::shared_ptr<const Dataset> ReadDataset(const Napi::CallbackInfo& info) {
  const torch::Tensor images = TensorFromJavaScript(info[0], "images");
  const torch::Tensor labels = TensorFromJavaScript(info[1], "labels");
  if (labels.scalar_type() != torch::kUInt8) throw Error(kInvalidArgument, "Expected a Uint8Array for labels.");
  return std::make_shared<const Dataset>(images, labels.to(torch::kInt64));
}

}  // namespace

Napi::Function DatasetWrap::Define(Napi::Env env) { return DefineClass(env, "Dataset", {}); }

DatasetWrap::DatasetWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  dataset_ = Guarded(info.Env(), [&] { return ReadDataset(info); });
  reported_bytes_ = dataset_->bytes();
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), reported_bytes_);
}

void DatasetWrap::Finalize(Napi::BasicEnv env) { Napi::MemoryManagement::AdjustExternalMemory(env, -reported_bytes_); }

std::shared_ptr<const Dataset> DatasetWrap::Read(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(Environment::Of(value.Env()).dataset_constructor.Value())) {
    throw Error(kInvalidArgument, "Expected a Dataset.");
  }
  return ObjectWrap::Unwrap(value.As<Napi::Object>())->dataset_;
}

}  // namespace torch_rnn_mnist
