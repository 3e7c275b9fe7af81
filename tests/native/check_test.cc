// A check must be able to fail: on the case's own thread, on another one, and where the tested code swallows exceptions. The failures that
// these cases cause on purpose are printed like any other.
#include "tests/native/check.h"

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Failures = std::vector<std::string>;

bool EndsWith(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

void RequireFailures(const Failures& actual, const Failures& endings) {
  REQUIRE_EQ(actual.size(), endings.size());
  for (size_t i = 0; i < endings.size(); ++i) REQUIRE(EndsWith(actual[i], endings[i]));
}

TEST(FailedCheckEndsItsCase) {
  RequireFailures(check::FailuresOf([] {
                    REQUIRE(1 + 1 == 3);
                    REQUIRE(false);
                  }),
                  {": not true: 1 + 1 == 3"});
}

TEST(EveryKindOfCheckFailsWithBothValues) {
  RequireFailures(check::FailuresOf([] { REQUIRE_EQ(-1, 4294967295U); }), {": -1: got -1, want 4294967295"});
  RequireFailures(check::FailuresOf([] { REQUIRE_NEAR(0.5, 2, 1); }), {": 0.5: got 0.5, want 2 within 1"});
  RequireFailures(check::FailuresOf([] { REQUIRE_THROWS("ERR_A", 1); }), {": 1: threw nothing, want ERR_A"});
  RequireFailures(check::FailuresOf([] { REQUIRE_THROWS("ERR_A", throw torch_rnn_mnist::Error("ERR_B", "text")); }),
                  {": threw ERR_B (text), want ERR_A"});
}

TEST(FailureOnAnotherThreadIsNotedAndTheThreadGoesOn) {
  static bool went_on;
  went_on = false;
  RequireFailures(check::FailuresOf([] {
                    std::thread([] {
                      REQUIRE(1 > 2);
                      REQUIRE_THROWS("ERR_A", 1);
                      went_on = true;
                    }).join();
                    REQUIRE(2 > 3);
                  }),
                  {": not true: 1 > 2", ": 1: threw nothing, want ERR_A", ": not true: 2 > 3"});
  REQUIRE(went_on);
}

TEST(FailuresOfManyThreadsAreAllNoted) {
  const Failures failures = check::FailuresOf([] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([] {
        for (int check = 0; check < 10; ++check) REQUIRE(false);
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  REQUIRE_EQ(failures.size(), 80);
}

TEST(FailureCountsEvenWhenItsExceptionIsSwallowed) {
  RequireFailures(check::FailuresOf([] {
                    try {
                      REQUIRE(false);
                    } catch (...) {
                    }
                  }),
                  {": not true: false"});
}

TEST(OtherExceptionsFailTheCase) {
  RequireFailures(check::FailuresOf([] { throw std::runtime_error("text"); }), {"unexpected exception: text"});
  RequireFailures(check::FailuresOf([] { throw 1; }), {"unexpected exception of an unknown type"});
}

TEST(PassingChecksAreNoFailures) {
  REQUIRE(check::FailuresOf([] {
            REQUIRE(true);
            REQUIRE_EQ(1, 1U);
            REQUIRE_NEAR(1, 2, 1);
            REQUIRE_EQ(std::string(REQUIRE_THROWS("ERR_A", throw torch_rnn_mnist::Error("ERR_A", "text")).what()), std::string("text"));
          }).empty());
}

}  // namespace
