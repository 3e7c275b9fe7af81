#include "native/fused/thread_pool.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#if defined(__SSE__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(_M_ARM64)
#include <intrin.h>
#endif

#include "native/fused/flush_denormals.h"

namespace torch_rnn_mnist::fused {
namespace {

// Lets the other thread of a core run, or saves power, for some ten nanoseconds.
inline void Pause() {
#if defined(__SSE__) || defined(_M_X64)
  _mm_pause();
#elif defined(_M_ARM64)
  __isb(_ARM64_BARRIER_SY);
#elif defined(__aarch64__)
  asm volatile("isb");  // Unlike `yield`, which most processors ignore, it takes time.
#else
  std::this_thread::yield();
#endif
}

// Returns whether the condition came to hold within the time.
template <typename Condition>
bool SpinUntil(const Condition& holds, std::chrono::nanoseconds time) {
  constexpr int kLooksPerClock = 16;  // Reading the clock takes longer than a look.
  if (holds()) return true;
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    for (int look = 0; look < kLooksPerClock; ++look) {
      Pause();
      if (holds()) return true;
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads, ThreadPoolSettings settings) : threads_(std::max(threads, 1)), settings_(std::move(settings)) {}

ThreadPool::~ThreadPool() { Rest(); }

void ThreadPool::Run(int count, const std::function<void(int)>& task) {
  if (threads_ == 1 || count <= 1) {
    for (int i = 0; i < count; ++i) task(i);
    return;
  }
  if (workers_.empty()) Start();
  task_ = &task;
  count_ = count;
  unfinished_ = count;
  unclaimed_ = count;  // Last: from here on, workers take tasks.
  WakeFor(count - 1);
  Work();
  AwaitLastTask();
}

void ThreadPool::Rest() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  tasks_came_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  ending_ = false;
}

void ThreadPool::Start() {
  try {
    workers_.reserve(static_cast<size_t>(threads_ - 1));
    while (std::ssize(workers_) < threads_ - 1) workers_.push_back(settings_.start([this] { Serve(); }));
  } catch (...) {
    Rest();  // The threads that did start.
    throw;
  }
}

void ThreadPool::Serve() noexcept {
  FlushDenormals();
  while (true) {
    AwaitTasks();
    if (ending_) return;
    Work();
  }
}

void ThreadPool::AwaitTasks() {
  const auto has_news = [this] { return unclaimed_ > 0 || ending_; };
  if (SpinUntil(has_news, settings_.spin)) return;
  std::unique_lock lock(mutex_);
  ++sleeping_;
  tasks_came_.wait(lock, has_news);
  --sleeping_;
}

// Wakes so many workers that there is one for each task. Those that are awake take theirs by themselves.
void ThreadPool::WakeFor(int tasks) {
  const int sleeping = sleeping_;
  if (sleeping == 0) return;
  const int awake = threads_ - 1 - sleeping;
  const int needed = tasks - awake;
  if (needed <= 0) return;
  {
    std::lock_guard lock(mutex_);  // A worker that has said that it sleeps does so now.
  }
  if (needed >= sleeping) {
    tasks_came_.notify_all();
  } else {
    for (int i = 0; i < needed; ++i) tasks_came_.notify_one();
  }
}

void ThreadPool::Work() noexcept {
  int unclaimed = unclaimed_;
  while (unclaimed > 0) {
    // A failure reads the count anew. It may then belong to a later Run, which does not matter: only a success makes a task one's own.
    if (!unclaimed_.compare_exchange_weak(unclaimed, unclaimed - 1)) continue;
    (*task_)(count_ - unclaimed);
    if (--unfinished_ == 0 && caller_sleeps_) {
      {
        std::lock_guard lock(mutex_);
      }
      all_done_.notify_one();
    }
    unclaimed = unclaimed_;
  }
}

void ThreadPool::AwaitLastTask() {
  const auto all_done = [this] { return unfinished_ == 0; };
  if (SpinUntil(all_done, settings_.spin)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_ = true;
  all_done_.wait(lock, all_done);
  caller_sleeps_ = false;
}

}  // namespace torch_rnn_mnist::fused
