#pragma once

// A small test framework: TEST registers a case, and RunCases is what main returns (see main.cc). CTest runs each case in a process of its
// own.
//
// A check (REQUIRE...) may fail on any thread. On the case's own thread it ends the case, by an exception. On any other thread an exception
// could end the program, so the failure is only noted, the thread goes on, and the case fails at its end.
//
// Why not a known framework: the project installs nothing but what npm and pip bring, pinned by hash, and neither brings one that suits. Of
// GoogleTest, PyPI has only a part of someone's ROS wheels, for Linux alone and behind GoogleTest's releases; of Catch2 only the header of
// version 2, which is no longer developed, and whose checks may not be used on several threads; of doctest nothing.
// (REQUIRE is not named CHECK because libtorch's logging header takes that name.)

#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "native/core/runtime/error.h"

namespace check {

// Notes a failure of the running case. Throws on the case's own thread, returns on any other.
void Fail(const char* file, int line, const std::string& what);

bool Register(const char* name, void (*body)());

// Runs a body as a case and returns its failures, in the order in which they were noted.
std::vector<std::string> FailuresOf(void (*body)());

// Runs the cases named by the arguments, all without any, or lists them with --list. Returns 1 when any failed or none was found.
int RunCases(int argc, char** argv);

template <typename T>
std::string Text(const T& value) {
  std::ostringstream out;
  out.precision(17);
  if constexpr (requires { out << value; }) {
    out << std::boolalpha << value;
  } else if constexpr (requires { value.begin(); }) {
    for (const auto& element : value) out << (out.tellp() == 0 ? "" : ", ") << Text(element);
  } else {
    out << "a value that cannot be printed";
  }
  return out.str();
}

template <typename A, typename B>
bool Equal(const A& a, const B& b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && !std::is_same_v<A, bool> && !std::is_same_v<B, bool>) {
    return std::cmp_equal(a, b);  // A plain == would convert -1 to a large unsigned number.
  } else {
    return a == b;
  }
}

template <typename A, typename B>
void ExpectEqual(const A& actual, const B& expected, const char* file, int line, const char* text) {
  if (!Equal(actual, expected)) Fail(file, line, std::string(text) + ": got " + Text(actual) + ", want " + Text(expected));
}

void ExpectNear(double actual, double expected, double tolerance, const char* file, int line, const char* text);

// Returns the error, for checks of its message; after a failure on another thread, one that says what was missing.
template <typename Body>
torch_rnn_mnist::Error ExpectError(const std::string& code, Body body, const char* file, int line, const char* text) {
  std::string instead = "nothing";
  try {
    body();
  } catch (const torch_rnn_mnist::Error& error) {
    if (error.code() == code) return error;
    instead = std::string(error.code()) + " (" + error.what() + ")";
  }
  const std::string problem = std::string(text) + ": threw " + instead + ", want " + code;
  Fail(file, line, problem);
  return torch_rnn_mnist::Error("", problem);
}

}  // namespace check

#define TEST(name)                                                                          \
  static void Test##name();                                                                 \
  [[maybe_unused]] static const bool registered##name = check::Register(#name, Test##name); \
  static void Test##name()

#define REQUIRE(...)                                                                \
  do {                                                                              \
    if (!(__VA_ARGS__)) check::Fail(__FILE__, __LINE__, "not true: " #__VA_ARGS__); \
  } while (false)

#define REQUIRE_EQ(actual, expected) check::ExpectEqual(actual, expected, __FILE__, __LINE__, #actual)

// |actual - expected| <= tolerance, for single numbers.
#define REQUIRE_NEAR(actual, expected, tolerance) check::ExpectNear(actual, expected, tolerance, __FILE__, __LINE__, #actual)

// Requires that the expression throws torch_rnn_mnist::Error with this code. The value is the error.
#define REQUIRE_THROWS(code, ...) check::ExpectError(code, [&] { static_cast<void>(__VA_ARGS__); }, __FILE__, __LINE__, #__VA_ARGS__)
