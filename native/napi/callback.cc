#include "native/napi/callback.h"

#include <utility>

namespace torch_rnn_mnist {

Napi::Error ToJavaScript(Napi::Env env, const CallbackFailed& failed) {
  Napi::Error result = ToJavaScript(env, static_cast<const Error&>(failed));
  result.Set("failure", Napi::Number::New(env, failed.failure()));
  return result;
}

void CallbackCall::Wait() {
  std::optional<Outcome> outcome;
  stop_->WaitFor([&] { return (outcome = outcome_).has_value(); });
  if (!outcome) throw StoppedError(stop_->reason());
  ThrowUnlessDone(outcome);
}

void CallbackCall::ThrowIfFailed() {
  std::optional<Outcome> outcome;
  stop_->Notify([&] { outcome = outcome_; });  // Takes the mutex. Nobody else waits for this call.
  ThrowUnlessDone(outcome);
}

void CallbackCall::ThrowUnlessDone(const std::optional<Outcome>& outcome) {
  if (!outcome) return;
  if (const auto* error = std::get_if<Error>(&*outcome)) throw *error;
  const uint32_t failure = std::get<uint32_t>(*outcome);
  if (failure != 0) throw CallbackFailed(failure);
}

void CallbackCall::Settle(uint32_t failure) { Conclude(failure); }

void CallbackCall::Fail(const Error& error) { Conclude(error); }

void CallbackCall::Conclude(Outcome outcome) {
  stop_->Notify([&] {
    if (!outcome_) outcome_ = std::move(outcome);
  });
}

Callback::Callback(Napi::Env env, Napi::Function function, Environment::Hold hold)
    : dispatcher_(Environment::Of(env).dispatcher()), function_(env, function, hold) {}

std::shared_ptr<CallbackCall> Callback::Call(MakeEvent make_event, const std::shared_ptr<StopSignal>& stop) const {
  auto call = std::make_shared<CallbackCall>(stop);
  dispatcher_->Post([call, id = function_.id(), make_event = std::move(make_event)](Napi::Env env) {
    try {
      const Napi::Function function = Environment::Of(env).FindFunction(id);
      if (function.IsEmpty()) return call->Settle(0);  // The function was removed in the meantime.
      const auto settle = [call](const Napi::CallbackInfo& info) { Guarded(info.Env(), [&] { call->Settle(info[0].ToNumber()); }); };
      function.Call({make_event(env), Napi::Function::New(env, settle)});
    } catch (...) {
      call->Fail(CurrentExceptionAsError());  // No memory for the event, or the environment is ending.
    }
  });
  return call;
}

}  // namespace torch_rnn_mnist
