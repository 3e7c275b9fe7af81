#include "native/napi/environment.h"

#include <exception>
#include <utility>

#include "native/core/runtime/torch_error.h"

namespace torch_rnn_mnist {

namespace {

Error FromJavaScript(const Napi::Error& error) {
  try {
    const Napi::Value code = error.Value().Get("code");
    const bool is_out_of_memory = code.IsString() && code.As<Napi::String>().Utf8Value() == kOutOfMemory;
    return Error(is_out_of_memory ? kOutOfMemory : kNative, error.Message());
  } catch (const Napi::Error&) {
    return Error(kNative, "A JavaScript error that cannot be read.");  // The environment is ending.
  }
}

}  // namespace

Napi::Error ToJavaScript(Napi::Env env, const Error& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", Napi::String::New(env, error.code()));
  if (!error.detail().empty()) result.Set("detail", Napi::String::New(env, error.detail()));
  return result;
}

Napi::Error CurrentException(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return error;
  } catch (...) {
    return ToJavaScript(env, TranslateException(std::current_exception()));
  }
}

Error CurrentExceptionAsError() {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return FromJavaScript(error);
  } catch (...) {
    return TranslateException(std::current_exception());
  }
}

Environment::Environment(Napi::Env env) : env_(env), dispatcher_(std::make_shared<Dispatcher>(env)) {
  // Registered after the dispatcher's thread-safe function: cleanup runs in reverse order, so the function still exists when this runs.
  env.AddCleanupHook(Teardown, this);
}

void Environment::Teardown(Environment* self) {
  self->dispatcher_->Close();  // First, so that tasks the jobs still post are dropped instead of run.
  for (const std::shared_ptr<JobQueue>& queue : self->queues_) queue->Close(StopReason::kEnd);
  for (const std::shared_ptr<JobQueue>& queue : self->queues_) queue->Join();
  self->queues_.clear();
}

Environment::PendingPromise Environment::AddPromise(Napi::Object keep_alive) {
  const uint64_t id = next_id_++;
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env_, &deferred, &promise) != napi_ok) throw Napi::Error::New(env_);
  promises_.emplace(id, Pending{deferred, Napi::Persistent(keep_alive)});
  dispatcher_->Hold();
  return {id, Napi::Promise(env_, promise)};
}

napi_deferred Environment::Take(uint64_t id) {
  const auto found = promises_.find(id);
  if (found == promises_.end()) return nullptr;
  const napi_deferred deferred = found->second.deferred;
  promises_.erase(found);
  dispatcher_->Release();
  return deferred;
}

// The C functions, because the C++ ones would throw while a worker is being terminated (process-exit.test.ts, "does not stop the process
// from exiting").
void Environment::Resolve(uint64_t id, Napi::Value value) {
  if (const napi_deferred deferred = Take(id)) napi_resolve_deferred(env_, deferred, value);
}

void Environment::Reject(uint64_t id, Napi::Value error) {
  if (const napi_deferred deferred = Take(id)) napi_reject_deferred(env_, deferred, error);
}

uint64_t Environment::AddFunction(Napi::Function function, Hold hold) {
  const uint64_t id = next_id_++;
  functions_.emplace(id, hold == Hold::kStrong ? Napi::Persistent(function) : Napi::Weak(function));
  return id;
}

Napi::Function Environment::FindFunction(uint64_t id) {
  const auto found = functions_.find(id);
  return found == functions_.end() ? Napi::Function() : found->second.Value();
}

std::shared_ptr<void> Environment::KeepAlive(Napi::Object object) {
  const uint64_t id = next_id_++;
  kept_.emplace(id, Napi::Persistent(object));
  return {nullptr, [dispatcher = dispatcher_, id](void*) { dispatcher->Post([id](Napi::Env env) { Of(env).kept_.erase(id); }); }};
}

}  // namespace torch_rnn_mnist
