#include "tests/native/check.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

namespace check {
namespace {

struct Case {
  const char* name;
  void (*body)();
};

std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}

// Ends a case whose failure has been noted.
struct CaseEnded {};

// A case while it runs.
class RunningCase {
 public:
  bool IsOnItsOwnThread() const { return std::this_thread::get_id() == thread_; }

  void Note(const std::string& failure) {
    const std::lock_guard lock(mutex_);
    // Printed at once: the failure may be the reason why the program then crashes.
    std::fprintf(stderr, "  %s\n", failure.c_str());
    failures_.push_back(failure);
  }

  std::vector<std::string> failures() {
    const std::lock_guard lock(mutex_);
    return failures_;
  }

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::vector<std::string> failures_;
};

std::atomic<RunningCase*> running_case = nullptr;

void RunBody(RunningCase& running, void (*body)()) {
  try {
    body();
  } catch (const CaseEnded&) {
    // Its failure has been noted.
  } catch (const std::exception& error) {
    running.Note(std::string("unexpected exception: ") + error.what());
  } catch (...) {
    running.Note("unexpected exception of an unknown type");
  }
}

bool Passes(const Case& test) {
  // Printed first: when a case hangs or crashes, the last line names it.
  std::printf("%s\n", test.name);
  std::fflush(stdout);
  if (FailuresOf(test.body).empty()) return true;
  std::fprintf(stderr, "FAILED %s\n", test.name);
  return false;
}

// Prints what is wrong with the registered names, and returns whether nothing is.
bool HasUniqueNames() {
  std::vector<std::string> names;
  for (const Case& test : Cases()) names.emplace_back(test.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return true;
  std::fprintf(stderr, "There are two cases named %s.\n", twice->c_str());
  return false;
}

}  // namespace

void Fail(const char* file, int line, const std::string& what) {
  RunningCase* const running = running_case;
  running->Note(std::string(file) + ":" + std::to_string(line) + ": " + what);
  if (running->IsOnItsOwnThread()) throw CaseEnded();
}

bool Register(const char* name, void (*body)()) {
  Cases().push_back({name, body});
  return true;
}

std::vector<std::string> FailuresOf(void (*body)()) {
  RunningCase running;
  RunningCase* const outer = running_case.exchange(&running);
  RunBody(running, body);
  running_case = outer;
  return running.failures();
}

void ExpectNear(double actual, double expected, double tolerance, const char* file, int line, const char* text) {
  if (std::abs(actual - expected) <= tolerance) return;  // False for NaN too.
  Fail(file, line, std::string(text) + ": got " + Text(actual) + ", want " + Text(expected) + " within " + Text(tolerance));
}

int RunCases(int argc, char** argv) {
  if (!HasUniqueNames()) return 1;
  const std::vector<std::string> wanted(argv + 1, argv + argc);
  if (wanted == std::vector<std::string>{"--list"}) {
    for (const Case& test : Cases()) std::printf("%s\n", test.name);
    return 0;
  }
  int ran = 0;
  int failed = 0;
  for (const Case& test : Cases()) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), test.name) == wanted.end()) continue;
    ++ran;
    if (!Passes(test)) ++failed;
  }
  std::printf("%d of %d cases passed\n", ran - failed, ran);
  return failed > 0 || ran == 0 ? 1 : 0;
}

}  // namespace check
