#include "tests/native/check.h"

#include <cmath>
#include <cstdio>
#include <exception>

namespace check {
namespace {

struct Test {
  const char* name;
  void (*body)();
};

std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

// Runs one test and prints what went wrong.
bool Passes(const Test& test) {
  try {
    test.body();
    return true;
  } catch (const Failure& failure) {
    std::fprintf(stderr, "FAILED %s\n  %s\n", test.name, failure.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED %s\n  unexpected exception: %s\n", test.name, error.what());
  }
  return false;
}

}  // namespace

void Fail(const char* file, int line, const std::string& what) {
  throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

bool Register(const char* name, void (*body)()) {
  Tests().push_back({name, body});
  return true;
}

void ExpectNear(double actual, double expected, double tolerance, const char* file, int line, const char* text) {
  if (std::abs(actual - expected) <= tolerance) return;  // False for NaN too.
  Fail(file, line, std::string(text) + ": got " + Text(actual) + ", want " + Text(expected) + " within " + Text(tolerance));
}

int RunTests(int argc, char** argv) {
  const std::string argument = argc > 1 ? argv[1] : "";
  int ran = 0;
  int failed = 0;
  for (const Test& test : Tests()) {
    if (argument == "--list") {
      std::printf("%s\n", test.name);
      continue;
    }
    if (std::string(test.name).find(argument) == std::string::npos) continue;
    // Printed first: when a test hangs or crashes, the last line names it.
    std::printf("%s\n", test.name);
    std::fflush(stdout);
    ++ran;
    if (!Passes(test)) ++failed;
  }
  if (argument == "--list") return 0;
  std::printf("%d of %d tests passed\n", ran - failed, ran);
  return failed > 0 || ran == 0 ? 1 : 0;
}

}  // namespace check
