#include "native/fused/thread_pool.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <limits>
#include <set>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <pthread.h>

#include <filesystem>
#include <fstream>
#include <string>
#endif

#include "tests/native/check.h"

namespace torch_rnn_mnist::fused {
namespace {

// How long threads spin: never, as by default, and always. So each test runs with sleeping and with spinning threads.
const std::vector<std::chrono::nanoseconds> kSpins = {std::chrono::nanoseconds(0), ThreadPoolSettings().spin, std::chrono::hours(1)};

ThreadPoolSettings WithSpin(std::chrono::nanoseconds spin) {
  ThreadPoolSettings settings;
  settings.spin = spin;
  return settings;
}

// Counts the threads of pools, and can refuse to start one.
class Starter {
 public:
  ThreadPoolSettings Settings(std::chrono::nanoseconds spin = ThreadPoolSettings().spin) {
    ThreadPoolSettings settings = WithSpin(spin);
    settings.start = [this](std::function<void()> body) {
      if (started == refuse_at) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      ++started;
      ++alive;
      return std::thread([this, body = std::move(body)] {
        body();
        --alive;
      });
    };
    return settings;
  }

  int refuse_at = -1;  // So many threads start, and no more.
  int started = 0;
  std::atomic<int> alive = 0;
};

// Runs tasks that wait for each other, so that each needs a thread of its own, and returns those threads.
std::set<std::thread::id> RunTogether(ThreadPool& pool, int tasks) {
  std::latch all_run(tasks);
  std::vector<std::thread::id> threads(static_cast<size_t>(tasks));
  pool.Run(tasks, [&](int i) {
    threads[static_cast<size_t>(i)] = std::this_thread::get_id();
    all_run.arrive_and_wait();
  });
  return {threads.begin(), threads.end()};
}

// The tasks write plain integers, so this also shows (to ThreadSanitizer) that all of a Run happens before its end.
void RequireThatEachTaskRunsOnce(ThreadPool& pool, int tasks) {
  std::vector<int> runs(static_cast<size_t>(tasks));
  pool.Run(tasks, [&](int i) { ++runs[static_cast<size_t>(i)]; });
  REQUIRE_EQ(runs, std::vector<int>(static_cast<size_t>(tasks), 1));
}

TEST(RunsEachTaskOnce) {
  for (const auto spin : kSpins) {
    for (const int threads : {1, 2, 3, 5}) {
      ThreadPool pool(threads, WithSpin(spin));
      for (const int tasks : {0, 1, 2, 3, 4, 5, 6, 100}) RequireThatEachTaskRunsOnce(pool, tasks);
    }
  }
}

// Each Run has a task and a count of its own, which a thread that is late for the Run before must not mix up.
TEST(RunsMayFollowEachOtherAtOnce) {
  constexpr int kRuns = 2000;
  for (const auto spin : kSpins) {
    ThreadPool pool(2, WithSpin(spin));
    for (int run = 0; run < kRuns; ++run) RequireThatEachTaskRunsOnce(pool, 2 + run % 3);
  }
}

TEST(EachThreadTakesPart) {
  constexpr int kThreads = 4;
  for (const auto spin : kSpins) {
    ThreadPool pool(kThreads, WithSpin(spin));
    REQUIRE_EQ(pool.threads(), kThreads);
    const std::set<std::thread::id> first = RunTogether(pool, kThreads);
    REQUIRE_EQ(first.size(), kThreads);
    REQUIRE(first.contains(std::this_thread::get_id()));
    REQUIRE(RunTogether(pool, kThreads) == first);  // No thread was replaced.
  }
}

TEST(WakesAThreadForEachOfAFewTasks) {
  constexpr int kRuns = 60;  // How many threads already sleep varies.
  for (const auto spin : kSpins) {
    ThreadPool pool(4, WithSpin(spin));
    for (int run = 0; run < kRuns; ++run) {
      const int tasks = 2 + run % 3;
      REQUIRE_EQ(RunTogether(pool, tasks).size(), tasks);
    }
  }
}

TEST(AFreeThreadTakesTheTasksThatAreLeft) {
  constexpr int kTasks = 50;
  ThreadPool pool(2);
  std::latch others_done(kTasks - 1);
  std::vector<std::thread::id> threads(kTasks);
  pool.Run(kTasks, [&](int i) {
    threads[static_cast<size_t>(i)] = std::this_thread::get_id();
    if (i == 0) {
      others_done.wait();  // The long task.
    } else {
      others_done.count_down();
    }
  });
  for (int i = 1; i < kTasks; ++i) REQUIRE(threads[static_cast<size_t>(i)] != threads[0]);
}

TEST(StartsThreadsOnlyForWork) {
  Starter starter;
  {
    ThreadPool one(1, starter.Settings());
    RequireThatEachTaskRunsOnce(one, 10);
    ThreadPool none(0, starter.Settings());
    REQUIRE_EQ(none.threads(), 1);
    RequireThatEachTaskRunsOnce(none, 10);
    ThreadPool three(3, starter.Settings());
    RequireThatEachTaskRunsOnce(three, 0);
    RequireThatEachTaskRunsOnce(three, 1);
    REQUIRE_EQ(starter.started, 0);
    RequireThatEachTaskRunsOnce(three, 2);
    REQUIRE_EQ(starter.started, 2);
    RequireThatEachTaskRunsOnce(three, 10);
    REQUIRE_EQ(starter.started, 2);
  }
  REQUIRE_EQ(starter.alive.load(), 0);
}

TEST(RestEndsTheThreadsUntilTheNextRun) {
  for (const auto spin : kSpins) {
    Starter starter;
    ThreadPool pool(3, starter.Settings(spin));
    pool.Rest();  // Harmless.
    for (int round = 1; round <= 20; ++round) {
      REQUIRE_EQ(RunTogether(pool, 3).size(), 3);
      REQUIRE_EQ(starter.alive.load(), 2);
      pool.Rest();
      REQUIRE_EQ(starter.alive.load(), 0);
      REQUIRE_EQ(starter.started, 2 * round);
    }
    pool.Rest();
  }
}

TEST(DestructorEndsTheThreads) {
  constexpr int kRounds = 100;  // The threads are on their way to sleep, or sleep already.
  for (const auto spin : kSpins) {
    for (int round = 0; round < kRounds; ++round) {
      Starter starter;
      {
        ThreadPool pool(3, starter.Settings(spin));
        RequireThatEachTaskRunsOnce(pool, 3);
      }
      REQUIRE_EQ(starter.alive.load(), 0);
    }
  }
}

TEST(PoolsOfSeveralThreadsDoNotMeet) {
  for (const auto spin : {kSpins[0], kSpins[1]}) {  // Threads that only spin would be too many for a small machine.
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([spin] {
        ThreadPool pool(3, WithSpin(spin));
        for (int run = 0; run < 200; ++run) RequireThatEachTaskRunsOnce(pool, 2 + run % 5);
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
}

TEST(AnotherThreadMayCallNext) {
  ThreadPool pool(2);
  std::set<std::thread::id> here;
  std::set<std::thread::id> there;
  here = RunTogether(pool, 2);
  std::thread([&] { there = RunTogether(pool, 2); }).join();
  REQUIRE_EQ(there.size(), 2);
  REQUIRE(!there.contains(std::this_thread::get_id()));
  REQUIRE(RunTogether(pool, 2) == here);
}

// Half of the smallest normal number, as the processor computes it here: a denormal, or 0 when it flushes results.
float HalfOfTheSmallest() {
  volatile float smallest = std::numeric_limits<float>::min();  // volatile: not computed by the compiler.
  return smallest * 0.5F;
}

// 2^23 times the smallest denormal, which is a normal number; or 0 when the processor flushes operands.
float MuchOfADenormal() {
  volatile float denormal = std::numeric_limits<float>::denorm_min();
  return denormal * 8388608.0F;
}

TEST(ThreadsOfThePoolFlushDenormals) {
  constexpr int kThreads = 3;
  ThreadPool pool(kThreads);
  std::latch all_run(kThreads);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> right = 0;
  pool.Run(kThreads, [&](int) {
    const bool flushes = std::this_thread::get_id() != caller;
    if ((HalfOfTheSmallest() == 0) == flushes && (MuchOfADenormal() == 0) == flushes) ++right;
    all_run.arrive_and_wait();
  });
  REQUIRE_EQ(right.load(), kThreads);
}

TEST(RunsNothingWhenAThreadCannotBeStarted) {
  constexpr int kThreads = 4;
  for (const auto spin : kSpins) {
    for (int refuse_at = 0; refuse_at < kThreads - 1; ++refuse_at) {
      Starter starter;
      starter.refuse_at = refuse_at;
      ThreadPool pool(kThreads, starter.Settings(spin));
      std::atomic<int> runs = 0;
      bool threw = false;
      try {
        pool.Run(10, [&](int) { ++runs; });
      } catch (const std::system_error& error) {
        threw = error.code() == std::errc::resource_unavailable_try_again;
      }
      REQUIRE(threw);
      REQUIRE_EQ(runs.load(), 0);
      REQUIRE_EQ(starter.started, refuse_at);
      REQUIRE_EQ(starter.alive.load(), 0);
      starter.refuse_at = -1;  // The next call tries again.
      REQUIRE_EQ(RunTogether(pool, kThreads).size(), kThreads);
    }
  }
}

#ifdef __linux__
// The calling thread's folder in /proc.
std::filesystem::path ThisThread() { return "/proc" / std::filesystem::read_symlink("/proc/thread-self"); }

// Returns once the thread sleeps.
void AwaitSleep(const std::filesystem::path& thread) {
  std::string stat;
  do {
    std::this_thread::yield();
    std::getline(std::ifstream(thread / "stat"), stat);
  } while (stat.compare(stat.rfind(')'), 3, ") S") != 0);  // The state comes after the name, which is in parentheses.
}

// The folder in /proc of the one thread that a pool of two has.
std::filesystem::path WorkerOf(ThreadPool& pool) {
  std::filesystem::path worker;
  std::latch both_run(2);
  const std::thread::id caller = std::this_thread::get_id();
  pool.Run(2, [&](int) {
    if (std::this_thread::get_id() != caller) worker = ThisThread();
    both_run.arrive_and_wait();
  });
  return worker;
}

TEST(ThreadsFallAsleepAndWakeUp) {
  ThreadPool pool(2);
  const std::filesystem::path worker = WorkerOf(pool);
  for (int round = 0; round < 20; ++round) {
    AwaitSleep(worker);
    REQUIRE_EQ(RunTogether(pool, 2).size(), 2);
  }
  AwaitSleep(worker);  // The destructor wakes it as well.
}

TEST(TheCallerFallsAsleepAndWakesUp) {
  ThreadPool pool(2);
  const std::filesystem::path caller = ThisThread();
  const std::thread::id caller_id = std::this_thread::get_id();
  for (int round = 0; round < 20; ++round) {
    std::latch both_run(2);
    bool slept = false;
    pool.Run(2, [&](int) {
      both_run.arrive_and_wait();
      if (std::this_thread::get_id() == caller_id) return;
      AwaitSleep(caller);
      slept = true;
    });
    REQUIRE(slept);
  }
}

#ifdef __GLIBC__
TEST(ThrowsWhatTheSystemSaysWhenItHasNoThread) {
  pthread_attr_t usual;
  REQUIRE_EQ(pthread_getattr_default_np(&usual), 0);
  pthread_attr_t huge = usual;
  REQUIRE_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 47), 0);  // All of a process's addresses.
  ThreadPool pool(3);
  int runs = 0;
  bool threw = false;
  REQUIRE_EQ(pthread_setattr_default_np(&huge), 0);
  try {
    pool.Run(3, [&](int) { ++runs; });
  } catch (const std::system_error&) {
    threw = true;
  }
  REQUIRE_EQ(pthread_setattr_default_np(&usual), 0);
  REQUIRE(threw);
  REQUIRE_EQ(runs, 0);
  REQUIRE_EQ(RunTogether(pool, 3).size(), 3);
}
#endif
#endif

}  // namespace
}  // namespace torch_rnn_mnist::fused
