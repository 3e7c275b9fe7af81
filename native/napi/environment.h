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

// The JavaScript error for an Error: with `code`, and `detail` where there is some.
Napi::Error ToJavaScript(Napi::Env env, const Error& error);

// The JavaScript error for the exception that is being handled: a JavaScript error as it is, everything else by its translation.
Napi::Error CurrentException(Napi::Env env);

// Everything that the addon knows about one Node environment (the main thread or a worker_thread). Nothing is static, so the addon
// can be loaded several times. JavaScript thread only, but for `dispatcher`.
class Environment {
 public:
  explicit Environment(Napi::Env env);

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  const std::shared_ptr<Dispatcher>& dispatcher() const { return dispatcher_; }

  // A promise that a computing thread will settle by its number. `keep_alive` is not collected before.
  struct PendingPromise {
    uint64_t id;
    Napi::Promise promise;
  };
  PendingPromise AddPromise(Napi::Object keep_alive);
  // Each promise is settled once; a second time does nothing. Where JavaScript may not run any more (a worker is being terminated), it
  // stays as it is: nobody waits.
  void Resolve(uint64_t id, Napi::Value value);
  void Reject(uint64_t id, Napi::Value error);

  // A JavaScript function that a computing thread knows by its number. A weak one is not kept alive by that.
  enum class Hold { kStrong, kWeak };
  uint64_t AddFunction(Napi::Function function, Hold hold);
  void RemoveFunction(uint64_t id) { functions_.erase(id); }
  // Empty when the function was removed or collected meanwhile.
  Napi::Function FindFunction(uint64_t id);

  // Keeps a JavaScript object from being collected until the last copy of the result is gone, on whatever thread that happens.
  std::shared_ptr<void> KeepAlive(Napi::Object object);

  // Queues are stopped and joined when the environment ends.
  void AddQueue(const std::shared_ptr<JobQueue>& queue) { queues_.insert(queue); }
  void RemoveQueue(const std::shared_ptr<JobQueue>& queue) { queues_.erase(queue); }

  Napi::FunctionReference storage_constructor;
  Napi::FunctionReference dataset_constructor;

 private:
  struct Pending {
    napi_deferred deferred;  // Freed by being settled.
    Napi::ObjectReference keep_alive;
  };

  static void Teardown(Environment* self);
  // Null when there is no such promise.
  napi_deferred Take(uint64_t id);

  const Napi::Env env_;
  std::shared_ptr<Dispatcher> dispatcher_;  // Shared with computing threads, which may outlive this object for a moment.
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, Pending> promises_;
  std::unordered_map<uint64_t, Napi::FunctionReference> functions_;
  std::unordered_map<uint64_t, Napi::ObjectReference> kept_;
  std::unordered_set<std::shared_ptr<JobQueue>> queues_;
};

}  // namespace torch_rnn_mnist
