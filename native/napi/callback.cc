#include "native/napi/callback.h"

#include <limits>
#include <utility>

namespace torch_rnn_mnist {
namespace {

constexpr uint32_t kUnknownFailure = std::numeric_limits<uint32_t>::max();

}  // namespace

Napi::Error ToJavaScript(Napi::Env env, const CallbackFailed& failed) {
  Napi::Error result = ToJavaScript(env, static_cast<const Error&>(failed));
  result.Set("failure", Napi::Number::New(env, failed.failure()));
  return result;
}

void CallbackCall::Wait() {
  std::optional<uint32_t> outcome;
  stop_->WaitFor([&] { return (outcome = outcome_).has_value(); });
  if (!outcome) throw StoppedError(stop_->reason());
  if (*outcome != 0) throw CallbackFailed(*outcome);
}

void CallbackCall::ThrowIfFailed() {
  uint32_t failure = 0;
  stop_->Notify([&] { failure = outcome_.value_or(0); });  // For the mutex; nobody else waits for this call.
  if (failure != 0) throw CallbackFailed(failure);
}

void CallbackCall::Settle(uint32_t failure) {
  stop_->Notify([&] {
    if (!outcome_) outcome_ = failure;
  });
}

Callback::Callback(Napi::Env env, Napi::Function function, Environment::Hold hold)
    : dispatcher_(Environment::Of(env).dispatcher()), function_(Environment::Of(env).AddFunction(function, hold)) {}

Callback::~Callback() {
  dispatcher_->Post([function = function_](Napi::Env env) { Environment::Of(env).RemoveFunction(function); });
}

std::shared_ptr<CallbackCall> Callback::Call(MakeEvent make_event, const std::shared_ptr<StopSignal>& stop) const {
  auto call = std::make_shared<CallbackCall>(stop);
  dispatcher_->Post([call, function_id = function_, make_event = std::move(make_event)](Napi::Env env) {
    try {
      const Napi::Function function = Environment::Of(env).FindFunction(function_id);
      if (function.IsEmpty()) return call->Settle(0);  // The function was removed in the meantime.
      const auto settle = Napi::Function::New(env, [call](const Napi::CallbackInfo& info) { call->Settle(info[0].ToNumber()); });
      function.Call({make_event(env), settle});
    } catch (...) {
      call->Settle(kUnknownFailure);  // No memory for the event, or the environment is ending.
    }
  });
  return call;
}

}  // namespace torch_rnn_mnist
