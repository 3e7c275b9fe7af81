#include "native/core/runtime/job_queue.h"

#include <atomic>
#include <barrier>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

// A job made of two functions.
class TestJob : public Job {
 public:
  TestJob(uint64_t id, std::function<void(TestJob&)> run, std::function<void(StopReason)> drop)
      : Job(id), run_(std::move(run)), drop_(std::move(drop)) {}
  void Run() noexcept override { run_(*this); }
  void Drop(StopReason reason) noexcept override { drop_(reason); }

 private:
  const std::function<void(TestJob&)> run_;
  const std::function<void(StopReason)> drop_;
};

void PushJob(JobQueue& queue, uint64_t id, std::function<void(TestJob&)> run) {
  queue.Push(std::make_unique<TestJob>(id, std::move(run), [](StopReason) {}));
}

void PushJob(JobQueue& queue, std::function<void(TestJob&)> run, std::function<void()> drop = [] {}) {
  queue.Push(std::make_unique<TestJob>(0, std::move(run), [drop = std::move(drop)](StopReason) { drop(); }));
}

// Returns when every job pushed before has run.
void Drain(JobQueue& queue) {
  std::promise<void> done;
  PushJob(queue, [&](TestJob&) { done.set_value(); });
  done.get_future().wait();
}

// Runs until its stop signal comes.
void RunUntilStopped(TestJob& job) {
  job.stop()->WaitFor([] { return false; });
}

// Pushes a job that runs until it is stopped, and returns once it runs.
void PushBlockingJob(JobQueue& queue, uint64_t id = 0) {
  std::promise<void> running;
  PushJob(queue, id, [&](TestJob& job) {
    running.set_value();
    RunUntilStopped(job);
  });
  running.get_future().wait();
}

// A job that notes what stopped it, running or waiting.
std::unique_ptr<Job> ReasonJob(StopReason& told) {
  const auto run = [&told](TestJob& job) {
    RunUntilStopped(job);
    told = job.stop()->reason();
  };
  return std::make_unique<TestJob>(0, run, [&told](StopReason reason) { told = reason; });
}

TEST(RunsJobsFirstInFirstOut) {
  JobQueue queue(ThreadHooks{});
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) PushJob(queue, [&, i](TestJob&) { order.push_back(i); });
  Drain(queue);
  REQUIRE_EQ(order.size(), 100);
  for (int i = 0; i < 100; ++i) REQUIRE_EQ(order[static_cast<size_t>(i)], i);
}

TEST(RunsEverythingOnOneThreadOfItsOwn) {
  std::vector<std::thread::id> threads;
  {
    const auto remember = [&] { threads.push_back(std::this_thread::get_id()); };
    JobQueue queue(ThreadHooks{.on_start = remember, .on_end = remember});
    for (int i = 0; i < 3; ++i) PushJob(queue, [&](TestJob&) { threads.push_back(std::this_thread::get_id()); });
    Drain(queue);
  }
  REQUIRE_EQ(threads.size(), 5);  // on_start, three jobs, on_end.
  for (const std::thread::id id : threads) REQUIRE(id == threads[0] && id != std::this_thread::get_id());
}

TEST(UnusedQueueStartsNoThread) {
  int calls = 0;
  {
    JobQueue queue(ThreadHooks{.on_start = [&] { ++calls; }, .on_idle = [&] { ++calls; }, .on_end = [&] { ++calls; }});
    queue.Close();
    queue.Join();
    int dropped = 0;
    PushJob(queue, [&](TestJob&) { ++calls; }, [&] { ++dropped; });
    REQUIRE_EQ(dropped, 1);  // At once, on this thread.
  }
  REQUIRE_EQ(calls, 0);
}

TEST(CloseStopsTheRunningJobAndDropsTheWaitingOnes) {
  std::vector<int> dropped;
  bool waiting_ran = false;
  bool ended = false;
  JobQueue queue(ThreadHooks{.on_end = [&] { ended = true; }});
  PushBlockingJob(queue);
  for (int i = 0; i < 3; ++i) PushJob(queue, [&](TestJob&) { waiting_ran = true; }, [&, i] { dropped.push_back(i); });
  queue.Close();
  REQUIRE_EQ(dropped, (std::vector<int>{0, 1, 2}));  // By Close itself, in their order.
  queue.Join();
  REQUIRE(ended);
  REQUIRE(!waiting_ran);
  StopReason told = StopReason::kNone;
  queue.Close(StopReason::kEnd);  // The first reason counts, also for jobs that come later.
  queue.Push(ReasonJob(told));
  REQUIRE(told == StopReason::kDispose);
}

TEST(CloseBetweenJobsLeavesNothingRunning) {
  JobQueue queue(ThreadHooks{});
  std::shared_ptr<StopSignal> finished;
  PushJob(queue, [&](TestJob& job) { finished = job.stop(); });
  Drain(queue);
  queue.Close();
  queue.Close();  // Harmless.
  queue.Join();
  REQUIRE(!finished->Requested());  // Its turn was over.
}

TEST(JobMayCloseItsOwnQueue) {
  bool stopped = false;
  bool dropped = false;
  JobQueue queue(ThreadHooks{});
  std::promise<void> pushed;
  PushJob(queue, [&](TestJob& job) {
    pushed.get_future().wait();
    queue.Close();
    stopped = job.stop()->Requested();
  });
  PushJob(queue, [](TestJob&) {}, [&] { dropped = true; });
  pushed.set_value();
  queue.Join();
  REQUIRE(stopped);
  REQUIRE(dropped);
}

TEST(JobMayPushTheNextOne) {
  JobQueue queue(ThreadHooks{});
  std::promise<int> second;
  PushJob(queue, [&](TestJob&) { PushJob(queue, [&](TestJob&) { second.set_value(2); }); });
  REQUIRE_EQ(second.get_future().get(), 2);
}

// If Join held the lock that Push needs, a job that pushes would wait for Join, and Join for the job.
TEST(JobMayPushWhileTheQueueIsJoined) {
  constexpr int kRounds = 200;  // The order of the two threads varies, so one round would often miss the case.
  for (int round = 0; round < kRounds; ++round) {
    bool dropped = false;
    JobQueue queue(ThreadHooks{});
    std::promise<void> running;
    PushJob(queue, [&](TestJob& job) {
      running.set_value();
      RunUntilStopped(job);
      std::this_thread::yield();
      PushJob(queue, [](TestJob&) {}, [&] { dropped = true; });
    });
    running.get_future().wait();
    queue.Close();
    queue.Join();
    REQUIRE(dropped);
  }
}

TEST(SeveralThreadsMayJoin) {
  JobQueue queue(ThreadHooks{});
  std::atomic<bool> finished = false;
  std::promise<void> running;
  PushJob(queue, [&](TestJob& job) {
    running.set_value();
    RunUntilStopped(job);
    finished = true;
  });
  running.get_future().wait();
  std::atomic<int> saw_it_finished = 0;
  std::vector<std::thread> joiners;
  for (int i = 0; i < 4; ++i) {
    joiners.emplace_back([&] {
      queue.Join();
      if (finished) ++saw_it_finished;
    });
  }
  queue.Close();
  for (std::thread& joiner : joiners) joiner.join();
  REQUIRE_EQ(saw_it_finished.load(), 4);
  queue.Join();  // Once more, after all is over.
}

TEST(DestructorClosesAndJoins) {
  bool ended = false;
  {
    JobQueue queue(ThreadHooks{.on_end = [&] { ended = true; }});
    PushBlockingJob(queue);
  }
  REQUIRE(ended);
}

TEST(StopEndsTheRunningJobWithThisNumberAndNoOther) {
  std::promise<std::shared_ptr<StopSignal>> running;
  StopReason reason = StopReason::kNone;
  bool next_ran = false;
  JobQueue queue(ThreadHooks{});
  PushJob(queue, 7, [&](TestJob& job) {
    running.set_value(job.stop());
    RunUntilStopped(job);
    reason = job.stop()->reason();
  });
  const std::shared_ptr<StopSignal> signal = running.get_future().get();
  PushJob(queue, 8, [&](TestJob& job) { next_ran = !job.stop()->Requested(); });
  queue.Stop(9);  // No job has this number.
  REQUIRE(!signal->Requested());
  queue.Stop(7);
  Drain(queue);
  REQUIRE(reason == StopReason::kAbort);
  REQUIRE(next_ran);
  queue.Stop(7);  // Its turn is over.
}

TEST(StopDropsAWaitingJobAtOnce) {
  JobQueue queue(ThreadHooks{});
  PushBlockingJob(queue, 1);
  std::vector<StopReason> dropped;
  bool ran = false;
  queue.Push(std::make_unique<TestJob>(2, [&](TestJob&) { ran = true; }, [&](StopReason reason) { dropped.push_back(reason); }));
  std::promise<void> last;
  PushJob(queue, 3, [&](TestJob&) { last.set_value(); });
  queue.Stop(2);
  REQUIRE(dropped == std::vector<StopReason>{StopReason::kAbort});  // While the first job still runs.
  queue.Stop(1);
  last.get_future().wait();
  REQUIRE(!ran);
  REQUIRE_EQ(dropped.size(), 1);
}

TEST(IdleHookRunsOnceAfterTheLastJob) {
  std::promise<void> idle;
  int calls = 0;
  JobQueue queue(ThreadHooks{.on_idle = [&] {
    ++calls;
    idle.set_value();  // A second call would throw, and end the test program.
  }});
  Drain(queue);
  idle.get_future().wait();
  queue.Close();
  queue.Join();
  REQUIRE_EQ(calls, 1);
}

TEST(StoppingOneJobDoesNotStopTheNext) {
  JobQueue queue(ThreadHooks{});
  bool next_stopped = true;
  PushJob(queue, [](TestJob& job) { job.stop()->Request(StopReason::kAbort); });
  PushJob(queue, [&](TestJob& job) { next_stopped = job.stop()->Requested(); });
  Drain(queue);
  REQUIRE(!next_stopped);
}

TEST(FinishedJobIsFreedBeforeTheNextStarts) {
  JobQueue queue(ThreadHooks{});
  auto large = std::make_shared<int>(1);
  const std::weak_ptr<int> observed = large;
  bool freed = false;
  PushJob(queue, [large = std::move(large)](TestJob&) {});
  PushJob(queue, [&](TestJob&) { freed = observed.expired(); });
  Drain(queue);
  REQUIRE(freed);
}

TEST(EveryJobRunsOrIsDroppedExactlyOnce) {
  constexpr int kPushers = 4;
  constexpr int kJobs = 250;
  for (int round = 0; round < 10; ++round) {
    std::vector<std::atomic<int>> settled(kPushers * kJobs);
    std::atomic<int> alive = 0;
    JobQueue queue(ThreadHooks{});
    std::barrier start(kPushers + 1);
    std::vector<std::thread> pushers;
    for (int pusher = 0; pusher < kPushers; ++pusher) {
      pushers.emplace_back([&, pusher] {
        start.arrive_and_wait();
        for (int job = 0; job < kJobs; ++job) {
          std::atomic<int>& count = settled[static_cast<size_t>(pusher * kJobs + job)];
          const std::shared_ptr<void> token(&alive, [](void* counter) { --*static_cast<std::atomic<int>*>(counter); });
          ++alive;
          PushJob(queue, [&count, token](TestJob&) { ++count; }, [&count, token] { ++count; });
        }
      });
    }
    start.arrive_and_wait();
    queue.Close();  // Somewhere in the middle.
    for (std::thread& pusher : pushers) pusher.join();
    queue.Join();
    for (const std::atomic<int>& count : settled) REQUIRE_EQ(count.load(), 1);
    REQUIRE_EQ(alive.load(), 0);  // And every job was freed.
  }
}

TEST(StopAllClosesAndJoinsEveryQueue) {
  std::atomic<int> ended = 0;
  std::vector<std::unique_ptr<JobQueue>> queues;
  for (int i = 0; i < 3; ++i) {
    queues.push_back(std::make_unique<JobQueue>(ThreadHooks{.on_end = [&] { ++ended; }}));
    PushBlockingJob(*queues.back());
  }
  JobQueue unused(ThreadHooks{.on_end = [&] { ++ended; }});
  StopReason told_running = StopReason::kNone;
  StopReason told_waiting = StopReason::kNone;
  queues.push_back(std::make_unique<JobQueue>(ThreadHooks{}));
  queues.back()->Push(ReasonJob(told_running));
  queues.back()->Push(ReasonJob(told_waiting));
  JobQueue::StopAll();
  REQUIRE(told_running == StopReason::kEnd);  // The same whether the job ran or still waited.
  REQUIRE(told_waiting == StopReason::kEnd);
  REQUIRE_EQ(ended.load(), 3);
  bool dropped = false;
  PushJob(unused, [](TestJob&) {}, [&] { dropped = true; });
  REQUIRE(dropped);
  JobQueue::StopAll();  // Again, when all are closed.

  JobQueue later(ThreadHooks{});  // A queue made afterwards works.
  Drain(later);
}

TEST(TellsWhenItHasEnded) {
  std::vector<int> order;
  JobQueue queue(ThreadHooks{.on_end = [&] { order.push_back(1); }});
  PushBlockingJob(queue);
  std::promise<void> told;
  queue.Close();
  queue.WhenEnded([&] {
    order.push_back(2);
    told.set_value();
  });
  told.get_future().wait();
  queue.Join();
  queue.WhenEnded([&] { order.push_back(3); });  // At once: there is no thread any more.
  REQUIRE_EQ(order, (std::vector<int>{1, 2, 3}));

  bool unused_told = false;
  JobQueue unused(ThreadHooks{});
  unused.Close();
  unused.WhenEnded([&] { unused_told = true; });
  REQUIRE(unused_told);
}

TEST(EveryoneWhoAsksIsToldOfTheEnd) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> told = 0;
    JobQueue queue(ThreadHooks{});
    Drain(queue);
    queue.Close();
    // Before, while and after the thread ends.
    std::thread other([&] { queue.WhenEnded([&] { ++told; }); });
    queue.WhenEnded([&] { ++told; });
    other.join();
    queue.Join();
    REQUIRE_EQ(told.load(), 2);
  }
}

TEST(StopAllMayMeetADestructor) {
  for (int round = 0; round < 50; ++round) {
    int ended = 0;  // Not atomic: whoever joins the queue's thread has waited for its end.
    auto queue = std::make_unique<JobQueue>(ThreadHooks{.on_end = [&] { ++ended; }});
    PushBlockingJob(*queue);
    std::thread destroyer([queue = std::move(queue)]() mutable { queue.reset(); });
    JobQueue::StopAll();
    destroyer.join();
    REQUIRE_EQ(ended, 1);
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
