#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {

// GCC warns that the enumerators shadow the constants in error.h. They do not: they are only known with "StopReason::" before them.
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
enum class StopReason {
  kNone,     // No stop was requested.
  kAbort,    // The caller no longer wants a result.
  kDispose,  // The model is being freed.
  kEnd,      // The process, or the environment that the model belongs to, is ending.
};
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

// Asks running work to stop. Long work polls Requested() between batches; waits use WaitFor, which a request ends.
// Thread-safe. (Apple's standard library does not have std::stop_token yet.)
class StopSignal {
 public:
  bool Requested() const { return reason() != StopReason::kNone; }
  StopReason reason() const { return reason_.load(std::memory_order_acquire); }

  // Only the first reason counts.
  void Request(StopReason reason) {
    {
      // Under the mutex, so that a thread between its check and its wait cannot miss it.
      std::lock_guard lock(mutex_);
      StopReason none = StopReason::kNone;
      reason_.compare_exchange_strong(none, reason, std::memory_order_release, std::memory_order_relaxed);
    }
    changed_.notify_all();
  }

  // Runs `change` under the mutex that guards the conditions, then wakes the waiting threads to check their conditions again.
  void Notify(const std::function<void()>& change) {
    {
      std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }

  // Blocks until `condition` holds (true) or a stop is requested (false). `condition` is called under the mutex.
  bool WaitFor(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return condition() || Requested(); });
    return condition();
  }

 private:
  std::atomic<StopReason> reason_{StopReason::kNone};
  std::mutex mutex_;
  std::condition_variable changed_;
};

// The error of a call that was stopped.
inline Error StoppedError(StopReason reason) {
  switch (reason) {
    case StopReason::kAbort:
      return Error(kAborted, "The call was aborted.");
    case StopReason::kDispose:
      return Error(kDisposed, "The model was disposed before this call had ended.");
    case StopReason::kEnd:
      return Error(kDisposed, "The program is ending, which stopped this call.");
    case StopReason::kNone:
      break;
  }
  return Error(kNative, "The call ended early, although nothing had stopped it.");
}

inline void ThrowIfStopped(const StopSignal& stop) {
  if (stop.Requested()) throw StoppedError(stop.reason());
}

}  // namespace torch_rnn_mnist
