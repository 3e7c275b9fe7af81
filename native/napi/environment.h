#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "native/core/runtime/error.h"
#include "native/core/runtime/job_queue.h"
#include "native/napi/dispatcher.h"

namespace torch_rnn_mnist {

// The JavaScript error for an Error: with `code`, and with `detail` unless it is empty.
Napi::Error ToJavaScript(Napi::Env env, const Error& error);

// The JavaScript error for the exception being handled: a JavaScript error unchanged, any other exception translated.
Napi::Error CurrentException(Napi::Env env);

// The exception being handled, as an Error that a computing thread may hold. Of a JavaScript error it keeps the message, and its code when
// there is no memory.
Error CurrentExceptionAsError();

// Runs the body of a function that JavaScript calls, and turns every C++ exception into a JavaScript error.
template <typename Body>
auto Guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (...) {
    throw CurrentException(env);
  }
}

// The addon's state for one Node environment (the main thread or a worker_thread). Nothing is static, so the addon can be loaded several
// times. JavaScript thread only, except for `dispatcher`.
class Environment {
 public:
  explicit Environment(Napi::Env env);

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const std::shared_ptr<Dispatcher>& dispatcher() const { return dispatcher_; }

  // A promise that a computing thread will settle by its number. `keep_alive` is not garbage-collected before that.
  struct PendingPromise {
    uint64_t id;
    Napi::Promise promise;
  };
  PendingPromise AddPromise(Napi::Object keep_alive);
  // Each promise is settled once; a second call does nothing. When JavaScript can no longer run (a worker is being terminated), the promise
  // stays pending: no code waits for it.
  void Resolve(uint64_t id, Napi::Value value);
  void Reject(uint64_t id, Napi::Value error);

  // A JavaScript function that a computing thread calls by its number. A weak one may be garbage-collected.
  enum class Hold { kStrong, kWeak };
  uint64_t AddFunction(Napi::Function function, Hold hold);
  void RemoveFunction(uint64_t id) { functions_.erase(id); }
  // Empty when the function was removed or garbage-collected.
  Napi::Function FindFunction(uint64_t id);

  // Keeps a JavaScript object alive until the last copy of the result is destroyed, on any thread.
  std::shared_ptr<void> KeepAlive(Napi::Object object);

  // Queues are stopped and joined when the environment ends.
  void AddQueue(const std::shared_ptr<JobQueue>& queue) { queues_.insert(queue); }
  void RemoveQueue(const std::shared_ptr<JobQueue>& queue) { queues_.erase(queue); }

  Napi::FunctionReference storage_constructor;
  Napi::FunctionReference dataset_constructor;
  std::shared_ptr<JobQueue> eigenvalue_queue;  // Null before the first call of eigenvalues; one of `queues_` after it.

 private:
  struct Pending {
    napi_deferred deferred;  // Freed when settled.
    Napi::ObjectReference keep_alive;
  };

  static void Teardown(Environment* self);
  // Null when there is no such promise.
  napi_deferred Take(uint64_t id);

  const Napi::Env env_;
  std::shared_ptr<Dispatcher> dispatcher_;  // Shared with computing threads, which may briefly outlive this object.
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, Pending> promises_;
  std::unordered_map<uint64_t, Napi::FunctionReference> functions_;
  std::unordered_map<uint64_t, Napi::ObjectReference> kept_;
  std::unordered_set<std::shared_ptr<JobQueue>> queues_;
};

}  // namespace torch_rnn_mnist
