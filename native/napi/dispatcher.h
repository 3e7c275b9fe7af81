#pragma once

#include <napi.h>

#include <functional>
#include <mutex>

namespace torch_rnn_mnist {

// Runs tasks on the JavaScript thread of one environment. It holds the environment's only thread-safe function, and is the only way from a
// computing thread to JavaScript.
//
// Rules:
// 1. A task holds C++ values only. Napi::* are created, copied and destroyed on the JavaScript thread alone.
// 2. After Close no task runs, and posted tasks are dropped. So nothing uses the environment while it ends.
// 3. The dispatcher keeps the process alive only while it is held: while a promise of the addon is pending.
class Dispatcher {
 public:
  using Task = std::function<void(Napi::Env)>;

  explicit Dispatcher(Napi::Env env);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Any thread. Tasks run in the order in which they were posted; microtasks run after each.
  void Post(Task task);

  // JavaScript thread: as long as there are more holds than releases, the event loop stays alive.
  void Hold();
  void Release();

  // JavaScript thread, before the environment ends.
  void Close();

 private:
  const napi_env env_;
  napi_threadsafe_function function_ = nullptr;
  std::mutex mutex_;
  bool closed_ = false;  // Guarded by mutex_.
  int holds_ = 0;        // JavaScript thread only.
};

}  // namespace torch_rnn_mnist
