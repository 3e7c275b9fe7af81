#include "native/napi/forward_hook.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/napi/callback.h"

namespace torch_rnn_mnist {
namespace {

// What the hook will get. The network changes none of these tensors later, so they need no copy of their own: JavaScript gets one. Inputs
// and outputs are of this pass alone, and what is freed is not reused while somebody holds it.
std::vector<torch::Tensor> PrepareAll(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> prepared;
  for (const torch::Tensor& tensor : tensors) prepared.push_back(PrepareForJavaScript(tensor));
  return prepared;
}

Napi::Array CopyAll(Napi::Env env, const ResultArrays& arrays, const std::vector<torch::Tensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) array.Set(static_cast<uint32_t>(i), arrays.Copy(env, tensors[i]));
  return array;
}

}  // namespace

ForwardHook MakeForwardHook(Napi::Env env, Napi::Function function, std::shared_ptr<const ResultArrays> arrays) {
  const auto callback = std::make_shared<const Callback>(env, function, Environment::Hold::kWeak);
  return [callback, arrays = std::move(arrays)](const ForwardEvent& event) {
    const auto make_event = [arrays, module = event.module, training = event.training, inputs = PrepareAll(event.inputs),
                             outputs = PrepareAll(event.outputs)](Napi::Env hook_env) -> Napi::Value {
      Napi::Object object = Napi::Object::New(hook_env);
      object.Set("module", std::string(kHookedModuleNames[static_cast<size_t>(module)]));
      object.Set("training", training);
      object.Set("inputs", CopyAll(hook_env, *arrays, inputs));
      object.Set("outputs", CopyAll(hook_env, *arrays, outputs));
      return object;
    };
    callback->Call(make_event, event.stop)->Wait();
  };
}

}  // namespace torch_rnn_mnist
