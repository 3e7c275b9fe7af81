#include <napi.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "native/core/runtime/device.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/random.h"
#include "native/napi/arguments.h"
#include "native/napi/async_call.h"
#include "native/napi/dataset_wrap.h"
#include "native/napi/environment.h"
#include "native/napi/image_rnn_wrap.h"

namespace torch_rnn_mnist {
namespace {

// The process is about to exit: no environment cleanup runs then, but static destructors do, libtorch's too, and a thread that still
// computes would crash. lib/native.ts calls it from the 'exit' event; for programs that remove its listeners, ModelSession has another way.
void StopEverything(const Napi::CallbackInfo&) { JobQueue::StopAll(); }

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

// splitOrder(seed, count): the order of SplitOrder as a Uint32Array.
Napi::Value SplitOrderOf(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Object options = RequireObject(info[0], "options");
    const auto seed = static_cast<uint64_t>(RequireInteger(options, "seed", 0, kMaxSafeInteger));
    const std::vector<int64_t> order = SplitOrder(seed, RequireInteger(options, "count", 1, std::numeric_limits<uint32_t>::max()));
    Napi::Uint32Array result = Napi::Uint32Array::New(info.Env(), order.size());
    std::transform(order.begin(), order.end(), result.Data(), [](int64_t sample) { return static_cast<uint32_t>(sample); });
    return result;
  });
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return Guarded(env, [&] {
    env.SetInstanceData(new Environment(env));  // Owned by the environment from here on.
    const Napi::Function dataset = DatasetWrap::Define(env);
    Environment::Of(env).dataset_constructor = Napi::Persistent(dataset);
    exports.Set("Dataset", dataset);
    exports.Set("ImageRnn", ImageRnnWrap::Define(env));
    exports.Set("torchVersion", TORCH_VERSION);
    exports.Set("cudaDeviceCount", Napi::Function::New(env, CudaDevices, "cudaDeviceCount"));
    exports.Set("cpuBackend", Napi::Function::New(env, CpuBackendOf, "cpuBackend"));
    exports.Set("splitOrder", Napi::Function::New(env, SplitOrderOf, "splitOrder"));
    exports.Set("stopEverything", Napi::Function::New(env, StopEverything, "stopEverything"));
    return exports;
  });
}

}  // namespace
}  // namespace torch_rnn_mnist

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return torch_rnn_mnist::Init(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitAddon)
