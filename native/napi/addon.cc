#include <napi.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include "native/core/runtime/device.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/training/fused_engine.h"
#include "native/napi/async_call.h"
#include "native/napi/augmentation.h"
#include "native/napi/dataset_wrap.h"
#include "native/napi/eigenvalues.h"
#include "native/napi/environment.h"
#include "native/napi/image_rnn_wrap.h"

namespace torch_rnn_mnist {
namespace {

// Called when the process is about to exit. Environment cleanup does not run then, but static destructors do, libtorch's too, and a thread
// that still computes would crash. lib/addon/native.ts calls it from the 'exit' event. For programs that remove that listener, ModelSession
// registers an exit handler.
void StopEverything(const Napi::CallbackInfo& info) {
  Guarded(info.Env(), [] { JobQueue::StopAll(); });
}

Napi::Value CudaDevices(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), CudaDeviceCount()); });
}

Napi::Value CpuBackendOf(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const CpuBackend backend = DescribeCpuBackend();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("capability", backend.capability);
    result.Set("blas", backend.blas);
    return result;
  });
}

// The instruction sets of the fused engine that this processor has, fastest first, and the one that a model takes.
Napi::Value InstructionSetsOf(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array supported = Napi::Array::New(info.Env());
    for (const fused::InstructionSet& set : fused::InstructionSets()) supported.Set(supported.Length(), set.name);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("supported", supported);
    result.Set("chosen", ReadFusedOptions().instruction_set->name);
    return result;
  });
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return Guarded(env, [&] {
    env.SetInstanceData(new Environment(env));  // Owned by the environment from here on.
    const Napi::Function storage = StorageWrap::Define(env);
    Environment::Of(env).storage_constructor = Napi::Persistent(storage);
    exports.Set("ImageStorage", storage);
    const Napi::Function dataset = DatasetWrap::Define(env);
    Environment::Of(env).dataset_constructor = Napi::Persistent(dataset);
    exports.Set("Dataset", dataset);
    exports.Set("ImageRnn", ImageRnnWrap::Define(env));
    exports.Set("augment", Napi::Function::New(env, Augment, "augment"));
    exports.Set("eigenvalues", Napi::Function::New(env, EigenvaluesOf, "eigenvalues"));
    exports.Set("torchVersion", TORCH_VERSION);
    exports.Set("cudaDeviceCount", Napi::Function::New(env, CudaDevices, "cudaDeviceCount"));
    exports.Set("cpuBackend", Napi::Function::New(env, CpuBackendOf, "cpuBackend"));
    exports.Set("instructionSets", Napi::Function::New(env, InstructionSetsOf, "instructionSets"));
    exports.Set("stopEverything", Napi::Function::New(env, StopEverything, "stopEverything"));
    return exports;
  });
}

}  // namespace
}  // namespace torch_rnn_mnist

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return torch_rnn_mnist::Init(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitAddon)
