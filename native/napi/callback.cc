#include "native/napi/callback.h"

#include <utility>

#include "native/core/error.h"
#include "native/napi/environment.h"

namespace torch_rnn_mnist {

void CallbackCall::Wait() {
  State seen = State::kPending;
  stop_->WaitFor([&] { return (seen = state_) != State::kPending; });
  if (seen == State::kFailed) throw Error(kCallbackFailed, "A callback failed.");
  if (seen == State::kPending) throw Error(kDisposed, "The call was stopped while it waited for a callback.");
}

void CallbackCall::Settle(bool succeeded) {
  stop_->Notify([&] {
    if (state_ == State::kPending) state_ = succeeded ? State::kSucceeded : State::kFailed;
  });
}

Callback::Callback(Napi::Env env, Napi::Function function)
    : dispatcher_(Environment::Of(env).dispatcher()), function_(Environment::Of(env).AddFunction(function)) {}

Callback::~Callback() {
  dispatcher_->Post([function = function_](Napi::Env env) { Environment::Of(env).RemoveFunction(function); });
}

std::shared_ptr<CallbackCall> Callback::Call(MakeEvent make_event, const std::shared_ptr<StopSignal>& stop) const {
  auto call = std::make_shared<CallbackCall>(stop);
  dispatcher_->Post([call, function_id = function_, make_event = std::move(make_event)](Napi::Env env) {
    try {
      const Napi::Function function = Environment::Of(env).FindFunction(function_id);
      if (function.IsEmpty()) return call->Settle(true);  // Removed meanwhile: nobody wants the event.
      const auto settle = Napi::Function::New(env, [call](const Napi::CallbackInfo& info) { call->Settle(info[0].ToBoolean()); });
      function.Call({make_event(env), settle});
    } catch (const Napi::Error&) {
      call->Settle(false);  // No memory for the event, or the environment is ending.
    }
  });
  return call;
}

}  // namespace torch_rnn_mnist
