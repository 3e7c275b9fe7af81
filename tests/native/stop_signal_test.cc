#include "native/core/runtime/stop_signal.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

TEST(StopIsNotRequestedAtFirstAndStaysRequested) {
  StopSignal stop;
  REQUIRE(!stop.Requested());
  stop.Request(StopReason::kAborted);
  stop.Request(StopReason::kAborted);
  REQUIRE(stop.Requested());
}

TEST(WaitForReturnsAtOnceWhenTheConditionHolds) {
  StopSignal stop;
  REQUIRE(stop.WaitFor([] { return true; }));
}

TEST(WaitForTellsAStopFromTheCondition) {
  StopSignal stop;
  stop.Request(StopReason::kAborted);
  REQUIRE(!stop.WaitFor([] { return false; }));
  REQUIRE(stop.WaitFor([] { return true; }));  // The condition holds: the stop does not hide it.
}

TEST(NotifyWakesTheWaiter) {
  StopSignal stop;
  int value = 0;  // Guarded by the signal's mutex, which both functions run under.
  bool held = false;
  std::thread waiter([&] { held = stop.WaitFor([&] { return value == 2; }); });
  stop.Notify([&] { value = 1; });  // The condition does not hold yet.
  stop.Notify([&] { value = 2; });
  waiter.join();
  REQUIRE(held);
}

TEST(RequestWakesEveryWaiter) {
  StopSignal stop;
  std::atomic<int> woken = 0;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] {
      if (!stop.WaitFor([] { return false; })) ++woken;
    });
  }
  stop.Request(StopReason::kAborted);
  for (std::thread& waiter : waiters) waiter.join();
  REQUIRE_EQ(woken.load(), 4);
}

}  // namespace
}  // namespace torch_rnn_mnist
