#include "native/napi/held_function.h"

namespace torch_rnn_mnist {

HeldFunction::HeldFunction(Napi::Env env, Napi::Function function, Environment::Hold hold)
    : dispatcher_(Environment::Of(env).dispatcher()), id_(Environment::Of(env).AddFunction(function, hold)) {}

HeldFunction::~HeldFunction() {
  dispatcher_->Post([id = id_](Napi::Env env) { Environment::Of(env).RemoveFunction(id); });
}

}  // namespace torch_rnn_mnist
