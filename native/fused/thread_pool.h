#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace torch_rnn_mnist::fused {

// Only tests and measurements choose these.
struct ThreadPoolSettings {
  // How long a thread that waits spins before it sleeps: about what falling asleep and being woken would cost.
  std::chrono::nanoseconds spin = std::chrono::microseconds(30);
  // Starts a thread that runs `body`. Throws std::system_error when it cannot.
  std::function<std::thread(std::function<void()> body)> start = [](std::function<void()> body) { return std::thread(std::move(body)); };
};

// Threads that share the tasks of one caller. A thread that waits spins for some microseconds, because the next tasks mostly come at once,
// and then sleeps, because the core may be needed: on a loaded machine a long spin costs more than it wins.
//
// The pool's own threads flush denormals; the calling thread stays as it is. On Linux they have the name and the cores of the thread that
// started them. For one calling thread at a time, and never for a task of the pool itself.
class ThreadPool {
 public:
  // `threads`: that compute, the calling one included; less than 1 means 1. The others start with the first Run that has work for them.
  explicit ThreadPool(int threads, ThreadPoolSettings settings = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls task(i) once for every i from 0 to count - 1, on any of the threads, and returns when all are done. Each thread takes the lowest
  // index that is left whenever it is free, so uneven tasks balance best when the long ones come first. Tasks must not throw.
  // Throws std::system_error when a thread cannot be started; then nothing was run.
  void Run(int count, const std::function<void(int)>& task);
  // Ends the pool's own threads; the next Run starts new ones.
  void Rest();

  int threads() const { return threads_; }

 private:
  void Start();
  // What a thread of the pool does until the pool ends it.
  void Serve() noexcept;
  void AwaitTasks();
  void WakeFor(int tasks);
  // Takes and runs tasks until none is left. Ends the program when one throws, on whatever thread.
  void Work() noexcept;
  void AwaitLastTask();

  const int threads_;
  const ThreadPoolSettings settings_;
  std::vector<std::thread> workers_;  // Only the caller uses it.

  // The tasks of the latest Run. The caller writes these two when all tasks are done, and others read them only while they have one.
  const std::function<void(int)>* task_ = nullptr;
  int count_ = 0;
  std::atomic<int> unclaimed_ = 0;   // Tasks that no thread has taken yet: those from count_ - unclaimed_ on.
  std::atomic<int> unfinished_ = 0;  // Tasks that are not done yet.
  std::atomic<bool> ending_ = false;

  // A thread that is about to sleep first says so and then looks once more for what it waits for; the one that brings it first does so and
  // then looks for sleepers. These atomic accesses have one order that all threads agree on (memory_order_seq_cst), so at least one of
  // the two sees the other, and nobody pays for a wake-up when nobody sleeps.
  std::atomic<int> sleeping_ = 0;  // Workers; changed under mutex_.
  std::atomic<bool> caller_sleeps_ = false;
  std::mutex mutex_;  // Held from the last look until the sleep, so that a wake-up cannot fall between them.
  std::condition_variable tasks_came_;
  std::condition_variable all_done_;
};

}  // namespace torch_rnn_mnist::fused
