#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace torch_rnn_mnist {

// Asks running work to stop. Long work polls Requested() between batches; waits go through WaitFor, which a request ends.
// Thread-safe. (std::stop_token would do, but Apple's standard library does not have it yet.)
class StopSignal {
 public:
  bool Requested() const { return requested_.load(std::memory_order_acquire); }

  void Request() {
    {
      // Under the mutex, so that a waiter between its check and its wait cannot miss it.
      std::lock_guard lock(mutex_);
      requested_.store(true, std::memory_order_release);
    }
    changed_.notify_all();
  }

  // Wakes the waiters so that they check their condition again. `change` runs under the mutex that guards the conditions.
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
  std::atomic<bool> requested_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace torch_rnn_mnist
