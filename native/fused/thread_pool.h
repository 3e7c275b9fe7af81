#pragma once

#include <functional>

namespace torch_rnn_mnist::fused {

// Threads that share the tasks of one caller. A thread that waits spins for some microseconds, because the next tasks mostly come at once,
// and then sleeps, because the core may be needed: on a loaded machine a long spin costs more than it wins.
class ThreadPool {
 public:
  // `threads`: that compute, the calling one included. They start with the first Run.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls task(i) once for every i from 0 to count - 1, on any of the threads, and returns when all are done. Tasks must not throw.
  // Throws std::system_error when a thread cannot be started; then nothing was run.
  void Run(int count, const std::function<void(int)>& task);
  // Ends the threads; the next Run starts new ones.
  void Rest();

  int threads() const;
};

}  // namespace torch_rnn_mnist::fused
