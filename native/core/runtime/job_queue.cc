#include "native/core/runtime/job_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>
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

// Longer than the pause between the calls of a program that awaits each one, but too short to notice.
constexpr std::chrono::milliseconds kIdleAfter{50};

}  // namespace

JobQueue::JobQueue(ThreadHooks hooks) : hooks_(std::move(hooks)) {
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
  StopReason closed;
  {
    std::lock_guard lock(mutex_);
    closed = closed_;
    if (closed == StopReason::kNone) {
      if (!started_) {
        thread_ = std::thread(&JobQueue::Loop, this);
        started_ = true;
      }
      waiting_.push_back(std::move(job));
    }
  }
  if (job) {
    job->Drop(closed);
  } else {
    changed_.notify_one();
  }
}

void JobQueue::Stop(uint64_t id) {
  std::vector<std::unique_ptr<Job>> dropped;
  std::shared_ptr<StopSignal> running;
  {
    std::lock_guard lock(mutex_);
    if (running_id_ == id) running = running_;
    const auto first = std::stable_partition(waiting_.begin(), waiting_.end(), [id](const auto& job) { return job->id() != id; });
    dropped.assign(std::make_move_iterator(first), std::make_move_iterator(waiting_.end()));
    waiting_.erase(first, waiting_.end());
  }
  if (running) running->Request(StopReason::kAbort);
  for (const std::unique_ptr<Job>& job : dropped) job->Drop(StopReason::kAbort);
}

void JobQueue::Close(StopReason reason) {
  std::deque<std::unique_ptr<Job>> dropped;
  std::shared_ptr<StopSignal> running;
  {
    std::lock_guard lock(mutex_);
    if (closed_ != StopReason::kNone) return;
    closed_ = reason;
    dropped.swap(waiting_);
    running = running_;
  }
  changed_.notify_one();
  if (running) running->Request(reason);
  for (const std::unique_ptr<Job>& job : dropped) job->Drop(reason);
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
    // mutex_ is held only to take the handle: the thread itself, and a running job that pushes another one, still need mutex_.
    std::lock_guard lock(mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void JobQueue::StopAll() {
  // The registry stays locked, so that no queue is destroyed meanwhile; the jobs themselves never create or destroy queues.
  std::lock_guard lock(AllQueues().mutex);
  for (JobQueue* queue : AllQueues().queues) queue->Close(StopReason::kEnd);
  for (JobQueue* queue : AllQueues().queues) queue->Join();
}

std::unique_ptr<Job> JobQueue::Next() {
  const auto has_news = [this] { return closed_ != StopReason::kNone || !waiting_.empty(); };
  std::unique_lock lock(mutex_);
  if (hooks_.on_idle && !changed_.wait_for(lock, kIdleAfter, has_news)) {
    lock.unlock();
    hooks_.on_idle();
    lock.lock();
  }
  changed_.wait(lock, has_news);
  if (closed_ != StopReason::kNone) return nullptr;
  std::unique_ptr<Job> job = std::move(waiting_.front());
  waiting_.pop_front();
  running_ = job->stop();
  running_id_ = job->id();
  return job;
}

void JobQueue::Loop() {
  if (hooks_.on_start) hooks_.on_start();
  while (std::unique_ptr<Job> job = Next()) {
    job->Run();
    job.reset();  // Before the queue becomes idle: the job may own large tensors.
    std::lock_guard lock(mutex_);
    running_.reset();
  }
  if (hooks_.on_end) hooks_.on_end();
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    callbacks.swap(when_ended_);
  }
  for (const std::function<void()>& callback : callbacks) callback();
}

}  // namespace torch_rnn_mnist
