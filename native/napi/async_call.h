#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/torch_error.h"
#include "native/napi/environment.h"

namespace torch_rnn_mnist {

// The one way to do slow work: `work` runs on the model's thread, `convert` on the JavaScript thread, and the promise settles.
//
// `work` holds C++ values only (captures by value or by move; shared_ptr for what it borrows): no Napi::* may be created, copied or
// destroyed on a computing thread. What it throws rejects the promise, with a stable code.
template <typename Result>
class CallJob : public Job {
 public:
  using Work = std::function<Result(const std::shared_ptr<StopSignal>& stop)>;
  using Convert = std::function<Napi::Value(Napi::Env, const Result&)>;

  CallJob(uint64_t promise, std::shared_ptr<Dispatcher> dispatcher, Work work, Convert convert)
      : promise_(promise), dispatcher_(std::move(dispatcher)), work_(std::move(work)), convert_(std::move(convert)) {}

  void Run() noexcept override {
    try {
      PostResult(std::make_shared<const Result>(work_(stop())));
    } catch (...) {
      PostError(TranslateException(std::current_exception()));
    }
  }

  void Drop() noexcept override { PostError(Error(kDisposed, "The model was disposed before this call had its turn.")); }

 private:
  void PostResult(std::shared_ptr<const Result> result) {
    dispatcher_->Post([promise = promise_, convert = convert_, result = std::move(result)](Napi::Env env) {
      Napi::Value value;
      try {
        value = convert(env, *result);
      } catch (const Napi::Error& error) {
        return Environment::Of(env).Reject(promise, error.Value());
      }
      Environment::Of(env).Resolve(promise, value);
    });
  }

  void PostError(const Error& error) {
    dispatcher_->Post(
        [promise = promise_, error](Napi::Env env) { Environment::Of(env).Reject(promise, ToJavaScript(env, error).Value()); });
  }

  const uint64_t promise_;
  const std::shared_ptr<Dispatcher> dispatcher_;  // Shared with the environment, which this job may outlive.
  const Work work_;
  const Convert convert_;
};

// Queues a CallJob. `stop`, if given, receives the job's stop signal.
template <typename Result>
Napi::Promise QueueCall(Napi::Env env, JobQueue& queue, Napi::Object keep_alive, typename CallJob<Result>::Work work,
                        typename CallJob<Result>::Convert convert, std::weak_ptr<StopSignal>* stop = nullptr) {
  Environment& environment = Environment::Of(env);
  const Environment::PendingPromise pending = environment.AddPromise(keep_alive);
  auto job = std::make_unique<CallJob<Result>>(pending.id, environment.dispatcher(), std::move(work), std::move(convert));
  if (stop != nullptr) *stop = job->stop();
  try {
    queue.Push(std::move(job));
  } catch (const std::exception&) {
    environment.Reject(pending.id, ToJavaScript(env, TranslateException(std::current_exception())).Value());
  }
  return pending.promise;
}

// Runs the body of a synchronous method so that no C++ exception gets out: Napi::Error passes, everything else is translated.
template <typename Body>
auto Guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw ToJavaScript(env, TranslateException(std::current_exception()));
  }
}

}  // namespace torch_rnn_mnist
