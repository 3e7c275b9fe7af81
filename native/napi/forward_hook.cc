#include "native/napi/forward_hook.h"

#include <memory>
#include <string>
#include <vector>

#include "native/napi/callback.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {
namespace {

// Copies of the tensors, so that the hook may keep and change them.
std::vector<torch::Tensor> CopyAll(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& tensor : tensors) copies.push_back(CopyForJavaScript(tensor));
  return copies;
}

Napi::Array TensorsToJavaScript(Napi::Env env, const std::vector<torch::Tensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) array.Set(static_cast<uint32_t>(i), TensorToJavaScript(env, tensors[i]));
  return array;
}

}  // namespace

ForwardHook MakeForwardHook(Napi::Env env, Napi::Function function) {
  const auto callback = std::make_shared<const Callback>(env, function, Environment::Hold::kWeak);
  return [callback](const ForwardEvent& event) {
    const auto make_event = [module = event.module, training = event.training, inputs = CopyAll(event.inputs),
                             outputs = CopyAll(event.outputs)](Napi::Env hook_env) -> Napi::Value {
      Napi::Object object = Napi::Object::New(hook_env);
      object.Set("module", std::string(kHookedModuleNames[static_cast<size_t>(module)]));
      object.Set("training", training);
      object.Set("inputs", TensorsToJavaScript(hook_env, inputs));
      object.Set("outputs", TensorsToJavaScript(hook_env, outputs));
      return object;
    };
    callback->Call(make_event, event.stop)->Wait();
  };
}

}  // namespace torch_rnn_mnist
