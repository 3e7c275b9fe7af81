#include "native/fused/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "native/fused/kernels.h"
#include "tests/native/check.h"

using torch_rnn_mnist::fused::ChooseInstructionSet;
using torch_rnn_mnist::fused::InstructionSet;
using torch_rnn_mnist::fused::InstructionSets;

namespace {

constexpr const char* kVariable = "TORCH_RNN_MNIST_CPU";

void SetVariable(const std::optional<std::string>& value) {
#ifdef _WIN32
  _putenv_s(kVariable, value.value_or("").c_str());
#else
  if (value.has_value()) {
    setenv(kVariable, value->c_str(), /*overwrite=*/1);
  } else {
    unsetenv(kVariable);
  }
#endif
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const InstructionSet& set : InstructionSets()) names.emplace_back(set.name);
  return names;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

#ifdef __x86_64__
// Tells by CPUID and XCR0 themselves, and not as the engine does, what the processor has and the operating system lets programs use.
struct Features {
  bool avx2;
  bool avx512;
};

Features ReadFeatures() {
  const auto has = [](unsigned value, std::initializer_list<int> bits) {
    return std::all_of(bits.begin(), bits.end(), [value](int bit) { return (value >> bit & 1) != 0; });
  };
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !has(ecx, {/*FMA*/ 12, /*OSXSAVE*/ 27})) return {false, false};
  unsigned saved = 0, high = 0;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return {false, false};
  const bool avx2 = has(saved, {/*XMM*/ 1, /*YMM*/ 2}) && has(ebx, {/*AVX2*/ 5});
  const bool zmm = has(saved, {/*masks*/ 5, /*halves of ZMM*/ 6, /*ZMM 16 to 31*/ 7});
  return {avx2, avx2 && zmm && has(ebx, {/*F*/ 16, /*DQ*/ 17, /*BW*/ 30, /*VL*/ 31})};
}
#endif

// Chooses with a value of the variable. Returns the name of the set, or the error's message.
std::string Choose(const std::optional<std::string>& value) {
  SetVariable(value);
  try {
    return ChooseInstructionSet().name;
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST(TheSetsAreThoseOfTheProcessorFastestFirst) {
  std::vector<std::string> expected;
#if defined(__x86_64__)
  const Features features = ReadFeatures();
  if (features.avx512) expected.emplace_back("avx512");
  if (features.avx2) expected.emplace_back("avx2");
#elif defined(__aarch64__) || defined(_M_ARM64)
  expected = {"neon"};
#else
  expected = Names();  // Nothing else tells.
  REQUIRE(expected.size() >= 2);
  expected.resize(expected.size() - 2);
#endif
  expected.insert(expected.end(), {"portable", "portable16"});
  REQUIRE_EQ(Joined(Names()), Joined(expected));
}

TEST(ASetSaysHowManyLanesItsKernelsHave) {
  for (const InstructionSet& set : InstructionSets()) REQUIRE_EQ(set.lanes, set.kernels().lanes);
}

TEST(TheFastestIsChosenUnlessTheVariableNamesAnother) {
  REQUIRE_EQ(Choose(std::nullopt), Names().front());
  REQUIRE_EQ(Choose(""), Names().front());
  for (const std::string& name : Names()) REQUIRE_EQ(Choose(name), name);
}

TEST(AnUnknownNameIsAnErrorThatTellsTheKnownOnes) {
  for (const std::string name : {"avx", "AVX2", " avx2", "avx2,portable", "sse2"}) {
    REQUIRE_EQ(Choose(name),
               "Expected one of " + Joined(Names()) + " in the environment variable TORCH_RNN_MNIST_CPU but received \"" + name +
                   "\". There is no such instruction set. Choose one of those, or unset the variable: then the fastest is used.");
  }
}

TEST(ASetOfAnotherProcessorIsAnErrorThatTellsWhatItNeeds) {
#if defined(__aarch64__) || defined(_M_ARM64)
  const std::string other = "avx2", needs = "avx2 needs an x86-64 processor with AVX2 and FMA";
#else
  const std::string other = "neon", needs = "neon needs a 64-bit ARM processor";
#endif
  const std::string message = Choose(other);
  if (message.find(needs) == std::string::npos) check::Fail(__FILE__, __LINE__, message);
}
