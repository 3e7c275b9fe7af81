#include "native/core/runtime/stop_signal.h"

#include <atomic>
#include <latch>
#include <thread>
#include <utility>
#include <vector>

#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

TEST(StopIsNotRequestedAtFirstAndStaysRequested) {
  StopSignal stop;
  REQUIRE(!stop.Requested());
  stop.Request(StopReason::kAbort);
  stop.Request(StopReason::kAbort);
  REQUIRE(stop.Requested());
}

TEST(WaitForReturnsAtOnceWhenTheConditionHolds) {
  StopSignal stop;
  REQUIRE(stop.WaitFor([] { return true; }));
}

TEST(WaitForTellsAStopFromTheCondition) {
  StopSignal stop;
  stop.Request(StopReason::kAbort);
  REQUIRE(!stop.WaitFor([] { return false; }));
  REQUIRE(stop.WaitFor([] { return true; }));  // The condition holds: the stop does not hide it.
}

TEST(NotifyWakesTheWaiter) {
  StopSignal stop;
  int value = 0;  // Guarded by the signal's mutex, which both functions run under.
  bool held = false;
  std::latch waits(1);
  std::thread waiter([&] {
    held = stop.WaitFor([&, looked = false]() mutable {
      if (!std::exchange(looked, true)) waits.count_down();
      return value == 2;
    });
  });
  waits.wait();                     // It has looked once, and keeps the mutex until it sleeps: without a wake-up it would sleep for good.
  stop.Notify([&] { value = 1; });  // The condition does not hold yet.
  stop.Notify([&] { value = 2; });
  waiter.join();
  REQUIRE(held);
}

TEST(RequestWakesEveryWaiter) {
  StopSignal stop;
  constexpr int kWaiters = 4;
  std::atomic<int> woken = 0;
  std::latch all_wait(kWaiters);
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    waiters.emplace_back([&] {
      const auto look = [&, looked = false]() mutable {
        if (!std::exchange(looked, true)) all_wait.count_down();
        return false;
      };
      if (!stop.WaitFor(look)) ++woken;
    });
  }
  all_wait.wait();
  stop.Request(StopReason::kAbort);
  for (std::thread& waiter : waiters) waiter.join();
  REQUIRE_EQ(woken.load(), kWaiters);
}

}  // namespace
}  // namespace torch_rnn_mnist
