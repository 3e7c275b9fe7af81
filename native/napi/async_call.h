#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/torch_error.h"
#include "native/napi/callback.h"
#include "native/napi/environment.h"

namespace torch_rnn_mnist {

// The result of work without a result: the promise resolves to undefined.
struct Nothing {};
inline Napi::Value NothingToJavaScript(Napi::Env env, const Nothing&) { return env.Undefined(); }

// The one way to do slow work: `work` runs on the model's thread, `convert` on the JavaScript thread, and the promise settles.
//
// `work` holds C++ values only (captured by value or by move; shared_ptr for what it borrows): no Napi::* may be created, copied or
// destroyed on a computing thread. An exception from either rejects the promise, with a stable code.
template <typename Result>
class CallJob : public Job {
 public:
  using Work = std::function<Result(const std::shared_ptr<StopSignal>& stop)>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;

  CallJob(uint64_t id, uint64_t promise, std::shared_ptr<Dispatcher> dispatcher, Work work, Convert convert)
      : Job(id), promise_(promise), dispatcher_(std::move(dispatcher)), work_(std::move(work)), convert_(std::move(convert)) {}

  void Run() noexcept override {
    try {
      ThrowIfStopped(*stop());  // A stop may have been requested before this job ran.
      PostResult(std::make_shared<const Result>(work_(stop())));
    } catch (const CallbackFailed& failed) {
      PostError([failed](Napi::Env env) { return ToJavaScript(env, failed); });
    } catch (...) {
      PostError([error = TranslateException(std::current_exception())](Napi::Env env) { return ToJavaScript(env, error); });
    }
  }

  void Drop(StopReason reason) noexcept override {
    PostError([reason](Napi::Env env) { return ToJavaScript(env, StoppedError(reason)); });
  }

 private:
  void PostResult(std::shared_ptr<const Result> result) {
    dispatcher_->Post([promise = promise_, convert = convert_, result = std::move(result)](Napi::Env env) {
      Napi::Value value;
      try {
        value = convert(env, *result);
      } catch (...) {
        return Environment::Of(env).Reject(promise, CurrentException(env).Value());
      }
      Environment::Of(env).Resolve(promise, value);
    });
  }

  void PostError(std::function<Napi::Error(Napi::Env)> make_error) {
    dispatcher_->Post([promise = promise_, make_error = std::move(make_error)](Napi::Env env) {
      Environment::Of(env).Reject(promise, make_error(env).Value());
    });
  }

  const uint64_t promise_;
  const std::shared_ptr<Dispatcher> dispatcher_;  // Shared with the environment, which this job may outlive.
  const Work work_;
  const Convert convert_;
};

// Queues a CallJob and returns its promise. `id` names it for JobQueue::Stop. `keep_alive` is not collected before the promise settles.
template <typename Result>
Napi::Promise QueueCall(JobQueue& queue, uint64_t id, Napi::Object keep_alive, typename CallJob<Result>::Work work,
                        typename CallJob<Result>::Convert convert) {
  const Napi::Env env = keep_alive.Env();
  Environment& environment = Environment::Of(env);
  const Environment::PendingPromise pending = environment.AddPromise(keep_alive);
  try {
    queue.Push(std::make_unique<CallJob<Result>>(id, pending.id, environment.dispatcher(), std::move(work), std::move(convert)));
  } catch (...) {
    environment.Reject(pending.id, CurrentException(env).Value());
  }
  return pending.promise;
}

}  // namespace torch_rnn_mnist
