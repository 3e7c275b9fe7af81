#include "native/fused/instruction_set.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "native/fused/kernels.h"

#if defined(FUSED_AVX2) && defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace torch_rnn_mnist::fused {
namespace {

constexpr const char* kVariable = "TORCH_RNN_MNIST_CPU";

// Whether this processor has the features that CMakeLists.txt compiles kernels for. They count only where the operating system saves their
// registers.
struct Features {
  bool avx2 = false;    // With FMA.
  bool avx512 = false;  // F, BW, DQ and VL, with AVX2 and FMA: every server processor since Intel's Skylake and AMD's Zen 4.
};

#if defined(FUSED_AVX2) && defined(_MSC_VER)

bool HasBits(uint64_t value, uint64_t bits) { return (value & bits) == bits; }

// MSVC has no function for it, so this reads CPUID and XCR0, as chapters 14 and 15 of volume 1 of Intel's Software Developer's Manual say.
Features DetectFeatures() {
  // Of leaf 1, ECX; of leaf 7, EBX; of XCR0.
  constexpr uint64_t kFma = 1U << 12, kOsxsave = 1U << 27, kAvx = 1U << 28;
  constexpr uint64_t kAvx2 = 1U << 5, kAvx512F = 1U << 16, kAvx512Dq = 1U << 17, kAvx512Bw = 1U << 30, kAvx512Vl = 1U << 31;
  constexpr uint64_t kAvxState = 0x6, kAvx512State = 0xE6;
  int registers[4];  // EAX, EBX, ECX, EDX
  __cpuid(registers, 0);
  if (registers[0] < 7) return {};
  __cpuid(registers, 1);
  if (!HasBits(static_cast<uint32_t>(registers[2]), kFma | kOsxsave | kAvx)) return {};
  __cpuidex(registers, 7, 0);
  const auto features = static_cast<uint32_t>(registers[1]);
  const uint64_t saved = _xgetbv(0);
  return {.avx2 = HasBits(saved, kAvxState) && HasBits(features, kAvx2),
          .avx512 = HasBits(saved, kAvx512State) && HasBits(features, kAvx2 | kAvx512F | kAvx512Dq | kAvx512Bw | kAvx512Vl)};
}

#elif defined(FUSED_AVX2)

Features DetectFeatures() {
  __builtin_cpu_init();
  // The functions take literals alone.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return {.avx2 = avx2, .avx512 = avx2 && avx512};
}

#endif

struct Known {
  InstructionSet set;  // `kernels` is null where they were not compiled.
  bool runs;           // On this processor.
  const char* needs;
};

// All that some build has, fastest first.
//
// AVX-512 comes before AVX2 on every processor that has it. Its tiles do twice the work with each instruction and have twice the registers.
// A processor that executes the instructions in halves (Zen 4) is no slower by them. Intel's server processors from Skylake to Cooper Lake
// lower their clock for them, but by less than the doubled work wins; except that Xeon Silver and Bronze of these years have one unit for
// them instead of two, so AVX2 may be faster there. No feature flag tells the number of units, and a measurement could choose differently
// from run to run, and so give other bits. There, the environment variable helps.
std::vector<Known> KnownSets() {
  const Kernels& (*avx512)() = nullptr;
  const Kernels& (*avx2)() = nullptr;
  const Kernels& (*neon)() = nullptr;
  Features features;
#if defined(FUSED_AVX2)
  features = DetectFeatures();
  avx512 = Avx512Kernels;
  avx2 = Avx2Kernels;
#elif defined(FUSED_NEON)
  neon = NeonKernels;
#endif
  return {
      {{"avx512", 16, avx512}, features.avx512, "an x86-64 processor with AVX-512 (F, BW, DQ, VL), and a system that saves its registers"},
      {{"avx2", 8, avx2}, features.avx2, "an x86-64 processor with AVX2 and FMA, and a system that saves its registers"},
      {{"neon", 4, neon}, neon != nullptr, "a 64-bit ARM processor"},  // All of these have NEON.
      {{"portable", 4, PortableKernels}, true, "nothing"},
      {{"portable16", 16, Portable16Kernels}, true, "nothing"},  // For tests.
  };
}

std::string Names() {
  std::string names;
  for (const InstructionSet& set : InstructionSets()) names += (names.empty() ? "" : ", ") + std::string(set.name);
  return names;
}

std::string WhyNot(const std::string& name) {
  const std::vector<Known> known = KnownSets();
  const auto found = std::find_if(known.begin(), known.end(), [&](const Known& each) { return name == each.set.name; });
  if (found == known.end()) return "There is no such instruction set.";
  return name + " needs " + found->needs + ".";
}

}  // namespace

const std::vector<InstructionSet>& InstructionSets() {
  static const std::vector<InstructionSet> sets = [] {
    std::vector<InstructionSet> usable;
    for (const Known& known : KnownSets()) {
      if (known.runs) usable.push_back(known.set);
    }
    return usable;
  }();
  return sets;
}

const InstructionSet& ChooseInstructionSet() {
  const std::vector<InstructionSet>& sets = InstructionSets();
  const char* const value = std::getenv(kVariable);
  const std::string wanted = value == nullptr ? "" : value;
  if (wanted.empty()) return sets.front();
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const InstructionSet& set) { return wanted == set.name; });
  if (found != sets.end()) return *found;
  throw std::invalid_argument("Expected one of " + Names() + " in the environment variable " + kVariable + " but received \"" + wanted +
                              "\". " + WhyNot(wanted) + " Choose one of those, or unset the variable: then the fastest is used.");
}

}  // namespace torch_rnn_mnist::fused
