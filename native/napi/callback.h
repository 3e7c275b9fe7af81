#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "native/core/runtime/error.h"
#include "native/core/runtime/stop_signal.h"
#include "native/napi/dispatcher.h"
#include "native/napi/environment.h"
#include "native/napi/held_function.h"

namespace torch_rnn_mnist {

// A JavaScript function failed. lib/model/callbacks.ts finds its error by the number.
class CallbackFailed : public Error {
 public:
  explicit CallbackFailed(uint32_t failure) : Error("ERR_CALLBACK_FAILED", "A callback failed."), failure_(failure) {}

  uint32_t failure() const { return failure_; }

 private:
  uint32_t failure_;
};

// Passes the number on as `failure`.
Napi::Error ToJavaScript(Napi::Env env, const CallbackFailed& failed);

// A pending call of a JavaScript function. For the computing thread.
class CallbackCall {
 public:
  explicit CallbackCall(std::shared_ptr<StopSignal> stop) : stop_(std::move(stop)) {}

  // Blocks until JavaScript has settled the call or the job is asked to stop. Throws CallbackFailed when the function failed, the error of
  // a call that could not be made, and the StoppedError when a stop ended the wait.
  void Wait();
  // Throws like Wait when the function has failed already. Does not wait.
  void ThrowIfFailed();

  // On the JavaScript thread: the function is done (0), or has failed (the number by which JavaScript finds the error).
  void Settle(uint32_t failure);
  // On the JavaScript thread: the function could not be called. Of Settle and Fail, only the first call counts.
  void Fail(const Error& error);

 private:
  using Outcome = std::variant<uint32_t, Error>;

  void Conclude(Outcome outcome);
  static void ThrowUnlessDone(const std::optional<Outcome>& outcome);

  const std::shared_ptr<StopSignal> stop_;
  std::optional<Outcome> outcome_;  // Guarded by the signal's mutex; empty while the call is pending.
};

// A JavaScript function that a computing thread calls: function(event, settle), where `settle(failure)` must be called exactly
// once, when the event has been handled. It must not throw; lib/model/callbacks.ts wraps the user's functions accordingly.
//
// Created on the JavaScript thread; may be called and destroyed on any thread, even after the environment has ended.
class Callback {
 public:
  using MakeEvent = std::function<Napi::Value(Napi::Env)>;

  Callback(Napi::Env env, Napi::Function function, Environment::Hold hold);

  // Returns at once; Wait on the result. `make_event` holds C++ values only and runs on the JavaScript thread.
  std::shared_ptr<CallbackCall> Call(MakeEvent make_event, const std::shared_ptr<StopSignal>& stop) const;

 private:
  const std::shared_ptr<Dispatcher> dispatcher_;  // Shared with the environment, which this object may outlive.
  const HeldFunction function_;
};

}  // namespace torch_rnn_mnist
