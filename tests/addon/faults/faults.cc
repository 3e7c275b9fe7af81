// Makes code of native/napi throw where JavaScript, a promise or a computing thread waits for it.
#include <c10/util/Exception.h>
#include <napi.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#ifdef __GLIBC__
#include <pthread.h>
#endif

#include "native/napi/async_call.h"
#include "native/napi/callback.h"
#include "native/napi/environment.h"
#include "native/napi/progress_reporter.h"

namespace torch_rnn_mnist {
namespace {

// Throws what `kind` names; nothing for "none". Only "javascript" uses the environment, and belongs to its thread.
void Throw(const std::string& kind, napi_env env = nullptr) {
  if (kind == "bad_alloc") throw std::bad_alloc();
  if (kind == "std") throw std::out_of_range("deliberate");
  if (kind == "torch") TORCH_CHECK(false, "deliberate");
  if (kind == "ours") throw Error(kInvalidData, "deliberate");
  if (kind == "unknown") throw 7;
  if (kind == "javascript") throw Napi::RangeError::New(env, "deliberate");
}

std::string KindOf(const Napi::CallbackInfo& info) { return info[0].As<Napi::String>(); }

std::shared_ptr<JobQueue> NewQueue(Napi::Env env) {
  auto queue = std::make_shared<JobQueue>(ThreadHooks{});
  Environment::Of(env).AddQueue(queue);
  return queue;
}

template <typename Work>
Napi::Value Queue(const Napi::CallbackInfo& info, Work work, CallJob<Nothing>::Convert convert = NothingToJavaScript) {
  auto run = [work = std::move(work)](const std::shared_ptr<StopSignal>& stop) {
    work(stop);
    return Nothing{};
  };
  return QueueCall<Nothing>(*NewQueue(info.Env()), /*id=*/1, info.This().As<Napi::Object>(), std::move(run), std::move(convert));
}

Napi::Value InFunction(const Napi::CallbackInfo& info) {
  return Guarded(info.Env(), [&]() -> Napi::Value {
    Throw(KindOf(info), info.Env());
    return info.Env().Undefined();
  });
}

Napi::Value InWork(const Napi::CallbackInfo& info) {
  return Queue(info, [kind = KindOf(info)](const auto&) { Throw(kind); });
}

Napi::Value InConversion(const Napi::CallbackInfo& info) {
  const auto convert = [kind = KindOf(info)](Napi::Env env, const Nothing&) -> Napi::Value {
    Throw(kind, env);
    return env.Undefined();
  };
  return Queue(info, [](const auto&) {}, convert);
}

void InTask(const Napi::CallbackInfo& info) {
  Environment::Of(info.Env()).dispatcher()->Post([kind = KindOf(info)](Napi::Env env) { Throw(kind, env); });
}

// (kind, function): calls the function with an event whose creation throws.
Napi::Value InEvent(const Napi::CallbackInfo& info) {
  const auto callback = std::make_shared<const Callback>(info.Env(), info[1].As<Napi::Function>(), Environment::Hold::kStrong);
  const auto make_event = [kind = KindOf(info)](Napi::Env env) -> Napi::Value {
    Throw(kind, env);
    return Napi::String::New(env, "event");
  };
  return Queue(info, [callback, make_event](const auto& stop) { callback->Call(make_event, stop)->Wait(); });
}

// (stops, function): reports one progress; on request, a stop comes once the function has failed, so that nobody waits for it any more.
Napi::Value InReport(const Napi::CallbackInfo& info) {
  const auto callback = std::make_shared<Callback>(info.Env(), info[1].As<Napi::Function>(), Environment::Hold::kStrong);
  const bool stops = info[0].ToBoolean();
  return Queue(info, [callback, stops](const std::shared_ptr<StopSignal>& stop) {
    ProgressReporter reporter(callback, stop);
    reporter.Report(TrainProgress{});
    if (stops) {
      const auto later = callback->Call([](Napi::Env env) -> Napi::Value { return env.Null(); }, stop);
      later->Wait();  // Events come in their order, so the report was settled before.
      stop->Request(StopReason::kAbort);
    }
    reporter.Finish();
  });
}

// A promise of work for which no thread can be started. Undefined where the system has no way to arrange that.
Napi::Value WithoutThreads(const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  pthread_attr_t before;
  pthread_attr_t huge;
  pthread_getattr_default_np(&before);
  pthread_attr_init(&huge);
  pthread_attr_setstacksize(&huge, size_t{1} << 46);  // More than the address space has left.
  pthread_setattr_default_np(&huge);
  const Napi::Value promise = Queue(info, [](const auto&) {});
  pthread_setattr_default_np(&before);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
  return promise;
#else
  return info.Env().Undefined();
#endif
}

// Settles promises that do not exist, and one promise twice. Returns that promise.
Napi::Value SettleUnknown(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::Of(info.Env());
  const Napi::Env env = info.Env();
  const Environment::PendingPromise pending = environment.AddPromise(info.This().As<Napi::Object>());
  constexpr uint64_t kUnknown = 1'000'000'000;
  environment.Resolve(kUnknown, env.Undefined());
  environment.Reject(kUnknown, env.Undefined());
  environment.Resolve(pending.id, Napi::String::New(env, "first"));
  environment.Reject(pending.id, Napi::String::New(env, "second"));
  return pending.promise;
}

Napi::Object InitFaults(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  exports.Set("inFunction", Napi::Function::New(env, InFunction));
  exports.Set("inWork", Napi::Function::New(env, InWork));
  exports.Set("inConversion", Napi::Function::New(env, InConversion));
  exports.Set("inTask", Napi::Function::New(env, InTask));
  exports.Set("inEvent", Napi::Function::New(env, InEvent));
  exports.Set("inReport", Napi::Function::New(env, InReport));
  exports.Set("withoutThreads", Napi::Function::New(env, WithoutThreads));
  exports.Set("settleUnknown", Napi::Function::New(env, SettleUnknown));
  return exports;
}

}  // namespace
}  // namespace torch_rnn_mnist

Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return torch_rnn_mnist::InitFaults(env, exports); }

NODE_API_MODULE(NODE_GYP_MODULE_NAME, InitAddon)
