#include "native/napi/eigenvalues.h"

#include <memory>

#include "native/core/inference/eigenvalues.h"
#include "native/napi/arguments.h"
#include "native/napi/async_call.h"
#include "native/napi/environment.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

// All calls of an environment share a thread, which starts with the first one: no model needs to exist.
JobQueue& QueueOf(Environment& environment) {
  if (!environment.eigenvalue_queue) {
    environment.eigenvalue_queue = std::make_shared<JobQueue>(ThreadHooks{.on_start = PrepareEigenvalueThread});
    environment.AddQueue(environment.eigenvalue_queue);
  }
  return *environment.eigenvalue_queue;
}

}  // namespace

Napi::Value EigenvaluesOf(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    const torch::Tensor matrix = TensorFromJavaScript(info[0], "matrix");
    const Napi::Function allocate = RequireFunction(info[1], "allocate");
    auto work = [matrix](const std::shared_ptr<StopSignal>&) { return Eigenvalues(matrix); };
    auto convert = [arrays = std::make_shared<const ResultArrays>(info.Env(), allocate)](Napi::Env env, const torch::Tensor& values) {
      return arrays->Copy(env, values);
    };
    return QueueCall<torch::Tensor>(QueueOf(Environment::Of(info.Env())), /*id=*/0, /*keep_alive=*/allocate, work, convert);
  });
}

}  // namespace torch_rnn_mnist
