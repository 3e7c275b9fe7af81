#pragma once

#include <condition_variable>
#include <cstdint>
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
  // `id` names the job for JobQueue::Stop; jobs that are never stopped may all have the same one.
  explicit Job(uint64_t id = 0) : id_(id) {}
  virtual ~Job() = default;
  // On the queue's thread. Must not throw.
  virtual void Run() noexcept = 0;
  // On any thread: the job was stopped, or the queue closed, before the job could run.
  virtual void Drop(StopReason reason) noexcept = 0;

  uint64_t id() const { return id_; }
  // The signal that asks this job to stop. Shared with the code that may request it.
  const std::shared_ptr<StopSignal>& stop() const { return stop_; }

 private:
  const uint64_t id_;
  const std::shared_ptr<StopSignal> stop_ = std::make_shared<StopSignal>();
};

// What a queue's thread does besides its jobs. Empty functions do nothing.
struct ThreadHooks {
  std::function<void()> on_start = {};  // Before the first job.
  std::function<void()> on_idle = {};   // A moment after the last job, if no other has come.
  std::function<void()> on_end = {};    // After the last job, only if the thread was started.
};

// A thread of its own that runs jobs first in, first out. The thread starts with the first job, so an unused queue costs nothing.
// StopAll knows every queue of the process. Process exit needs it: libtorch's static objects are destroyed while threads still run.
class JobQueue {
 public:
  explicit JobQueue(ThreadHooks hooks);
  // Closes the queue and waits for the running job. Must not be called on the queue's own thread.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // Adds a job, or drops it at once when the queue is closed. Throws std::system_error when no thread can be started.
  void Push(std::unique_ptr<Job> job);
  // Asks the running job with this id to stop, and drops the waiting jobs with it. Does nothing when there is none.
  void Stop(uint64_t id);
  // Returns at once. Drops the waiting jobs, asks the running one to stop, then runs `on_end` and ends the thread. `reason` is what all of
  // them, and later ones, are told. Only the first call counts.
  void Close(StopReason reason = StopReason::kDispose);
  // Calls `callback` once `on_end` has run, on the queue's thread; at once when the thread has ended or never started. Call Close first.
  void WhenEnded(std::function<void()> callback);
  // Waits until the thread has ended; call Close first. May be called from several threads.
  void Join();

  // Closes and joins every queue of the process, which is ending.
  static void StopAll();

 private:
  void Loop();
  // The next job; null when the queue is closed.
  std::unique_ptr<Job> Next();

  const ThreadHooks hooks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> waiting_;       // Guarded by mutex_.
  std::shared_ptr<StopSignal> running_;            // Guarded by mutex_; the running job's signal, or null.
  uint64_t running_id_ = 0;                        // Guarded by mutex_; of the running job.
  StopReason closed_ = StopReason::kNone;          // Guarded by mutex_; why the queue was closed.
  bool started_ = false;                           // Guarded by mutex_; stays true when the thread has ended.
  bool ended_ = false;                             // Guarded by mutex_; true once on_end has run.
  std::vector<std::function<void()>> when_ended_;  // Guarded by mutex_.
  std::thread thread_;                             // Guarded by mutex_.
  std::mutex join_mutex_;                          // Makes a second thread that joins wait as well; taken before mutex_.
};

}  // namespace torch_rnn_mnist
