#include "native/napi/dispatcher.h"

#include <memory>
#include <utility>

#include "native/napi/environment.h"

namespace torch_rnn_mnist {
namespace {

void RunTask(napi_env env, napi_value /*function*/, void* /*context*/, void* data) {
  const std::unique_ptr<Dispatcher::Task> task(static_cast<Dispatcher::Task*>(data));
  if (env == nullptr) return;  // The environment ended first: only free the task.
  try {
    const Napi::HandleScope scope(env);
    try {
      (*task)(env);
    } catch (...) {
      // Tasks report errors through promises. Any other exception is raised as an uncaught one, so that it is seen.
      napi_fatal_exception(env, CurrentException(env).Value());
    }
  } catch (...) {
    // JavaScript can no longer run, or there is no memory for an error: it cannot be reported.
  }
}

}  // namespace

Dispatcher::Dispatcher(Napi::Env env) : env_(env) {
  const Napi::String name = Napi::String::New(env, "torch-rnn-mnist");
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, /*max_queue_size=*/0, /*initial_thread_count=*/1,
                                                             nullptr, nullptr, nullptr, RunTask, &function_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, function_);
}

void Dispatcher::Post(Task task) {
  auto owned = std::make_unique<Task>(std::move(task));
  std::lock_guard lock(mutex_);
  if (closed_) return;
  if (napi_call_threadsafe_function(function_, owned.get(), napi_tsfn_nonblocking) == napi_ok) owned.release();
}

void Dispatcher::Hold() {
  if (holds_++ == 0) napi_ref_threadsafe_function(env_, function_);
}

void Dispatcher::Release() {
  if (--holds_ == 0) napi_unref_threadsafe_function(env_, function_);
}

void Dispatcher::Close() {
  std::lock_guard lock(mutex_);
  if (closed_) return;
  closed_ = true;
  napi_release_threadsafe_function(function_, napi_tsfn_release);
}

}  // namespace torch_rnn_mnist
