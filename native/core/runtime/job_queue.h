#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

// One unit of work for a JobQueue. Exactly one of Run and Drop is called, once.
class Job {
 public:
  virtual ~Job() = default;
  // On the queue's thread. Must not let an exception out.
  virtual void Run() noexcept = 0;
  // On any thread: the queue closed before the job's turn came.
  virtual void Drop() noexcept = 0;

  // Asks this job alone to stop. Shared with whoever may want to.
  const std::shared_ptr<StopSignal>& stop() const { return stop_; }

 private:
  std::shared_ptr<StopSignal> stop_ = std::make_shared<StopSignal>();
};

// A thread of its own that runs jobs first in, first out. The thread starts with the first job, so an unused queue costs nothing.
// Every queue of the process is known to StopAll, which process exit needs: libtorch's static objects die while threads still run.
class JobQueue {
 public:
  // Both run on the queue's thread: `on_start` before the first job, `on_end` after the last one (only if the thread was started).
  JobQueue(std::function<void()> on_start, std::function<void()> on_end);
  // Closes, and waits for the running job. Must not be called on the queue's own thread.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // Adds a job, or drops it at once when the queue is closed. Throws std::system_error when no thread can be started.
  void Push(std::unique_ptr<Job> job);
  // Returns at once. Drops the waiting jobs, asks the running one to stop, then runs `on_end` and ends the thread.
  void Close();
  // Calls `callback` once `on_end` has run, on the queue's thread; at once where there is no thread any more, or never was. Call Close
  // first.
  void WhenEnded(std::function<void()> callback);
  // Waits until the thread has ended; call Close first. Safe from several threads.
  void Join();

  // The signal of the job that runs on the calling thread; null outside a job.
  static std::shared_ptr<StopSignal> RunningStop();

  // Closes and joins every queue of the process.
  static void StopAll();

 private:
  void Loop();

  std::function<void()> on_start_;
  std::function<void()> on_end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> waiting_;       // Guarded by mutex_.
  std::shared_ptr<StopSignal> running_;            // Guarded by mutex_; the running job's signal, or null.
  bool closed_ = false;                            // Guarded by mutex_.
  bool started_ = false;                           // Guarded by mutex_; stays true when the thread has ended.
  bool ended_ = false;                             // Guarded by mutex_; true once on_end_ has run.
  std::vector<std::function<void()>> when_ended_;  // Guarded by mutex_.
  std::thread thread_;                             // Guarded by mutex_.
  std::mutex join_mutex_;                          // Makes the second of two joiners wait as well; taken before mutex_.
};

}  // namespace torch_rnn_mnist
