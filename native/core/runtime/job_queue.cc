#include "native/core/runtime/job_queue.h"

#include <unordered_set>
#include <utility>
#include <vector>

namespace torch_rnn_mnist {
namespace {

// Every living queue of the process, across environments. Leaked on purpose: it is used while the process exits.
struct Registry {
  std::mutex mutex;
  std::unordered_set<JobQueue*> queues;
};

Registry& AllQueues() {
  static Registry* registry = new Registry;
  return *registry;
}

thread_local std::shared_ptr<StopSignal> running_stop;

}  // namespace

JobQueue::JobQueue(std::function<void()> on_start, std::function<void()> on_end)
    : on_start_(std::move(on_start)), on_end_(std::move(on_end)) {
  std::lock_guard lock(AllQueues().mutex);
  AllQueues().queues.insert(this);
}

JobQueue::~JobQueue() {
  {
    std::lock_guard lock(AllQueues().mutex);
    AllQueues().queues.erase(this);
  }
  Close();
  Join();
}

void JobQueue::Push(std::unique_ptr<Job> job) {
  {
    std::lock_guard lock(mutex_);
    if (!closed_) {
      if (!started_) {
        thread_ = std::thread(&JobQueue::Loop, this);
        started_ = true;
      }
      waiting_.push_back(std::move(job));
    }
  }
  if (job) {
    job->Drop();
  } else {
    changed_.notify_one();
  }
}

void JobQueue::Close() {
  std::deque<std::unique_ptr<Job>> dropped;
  std::shared_ptr<StopSignal> running;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(waiting_);
    running = running_;
  }
  changed_.notify_one();
  if (running) running->Request();
  for (const std::unique_ptr<Job>& job : dropped) job->Drop();
}

void JobQueue::WhenEnded(std::function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    if (started_ && !ended_) {
      when_ended_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void JobQueue::Join() {
  std::lock_guard join_lock(join_mutex_);
  std::thread thread;
  {
    // Only the handle is taken under mutex_: the thread may still need it, and so may a running job that pushes another one.
    std::lock_guard lock(mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

std::shared_ptr<StopSignal> JobQueue::RunningStop() { return running_stop; }

void JobQueue::StopAll() {
  // The registry stays locked, so that no queue is destroyed meanwhile; the jobs themselves never create or destroy queues.
  std::lock_guard lock(AllQueues().mutex);
  for (JobQueue* queue : AllQueues().queues) queue->Close();
  for (JobQueue* queue : AllQueues().queues) queue->Join();
}

void JobQueue::Loop() {
  on_start_();
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
      if (closed_) break;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = job->stop();
    }
    running_stop = job->stop();
    job->Run();
    running_stop.reset();
    job.reset();  // Before the queue counts as idle: the job may own large tensors.
    std::lock_guard lock(mutex_);
    running_.reset();
  }
  on_end_();
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    callbacks.swap(when_ended_);
  }
  for (const std::function<void()>& callback : callbacks) callback();
}

}  // namespace torch_rnn_mnist
