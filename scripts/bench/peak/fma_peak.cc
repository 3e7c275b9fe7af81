// How fast this processor multiplies and adds float32 values at most: loops that do nothing but fused multiply-adds of registers.
//
//   fma_peak                              lists the instruction sets that this processor has a loop for, one a line
//   fma_peak <set> <threads> <millis>     prints the rate of that many threads at the same time, in GFLOP/s
//
// In assembly, because compilers spill or reorder such loops, and then read far too low. Each loop has more independent sums than a core
// has multiply-adds in flight (latency times units: 8 on most x86-64 cores, 16 on Apple's), so that no sum is waited for.

#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct PeakLoop {
  const char* name;                // As in TORCH_RNN_MNIST_CPU.
  bool (*is_supported)();          // By the processor and the operating system.
  void (*run)(long iterations);    // At least one.
  double operations_an_iteration;  // A multiply-add counts as two.
};

// The operands are 1 and 2^-20: sums grow from 0 until they no longer change, never become denormal, and never overflow.
constexpr float kOne = 1.0f;
constexpr float kStep = 0x1p-20f;

// A line of assembly for each register of sums.
#define SUMS_0_TO_11(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define SUMS_12_TO_23(DO) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23)

#if defined(__x86_64__)

__attribute__((target("avx512f"))) void RunAvx512(long iterations) {
#define CLEAR(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"
#define MULTIPLY_ADD(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
  asm volatile(
      "vbroadcastss %[one], %%zmm30\n"
      "vbroadcastss %[step], %%zmm31\n"  //
      SUMS_0_TO_11(CLEAR) SUMS_12_TO_23(CLEAR) "1:\n" SUMS_0_TO_11(MULTIPLY_ADD) SUMS_12_TO_23(MULTIPLY_ADD)
      "sub $1, %[iterations]\n"
      "jnz 1b\n"
      "vzeroupper\n"
      : [iterations] "+r"(iterations)
      : [one] "m"(kOne), [step] "m"(kStep)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", "xmm31");
#undef CLEAR
#undef MULTIPLY_ADD
}

__attribute__((target("avx2,fma"))) void RunAvx2(long iterations) {
#define CLEAR(i) "vxorps %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define MULTIPLY_ADD(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
  asm volatile(
      "vbroadcastss %[one], %%ymm14\n"
      "vbroadcastss %[step], %%ymm15\n"  //
      SUMS_0_TO_11(CLEAR) "1:\n" SUMS_0_TO_11(MULTIPLY_ADD)
      "sub $1, %[iterations]\n"
      "jnz 1b\n"
      "vzeroupper\n"
      : [iterations] "+r"(iterations)
      : [one] "m"(kOne), [step] "m"(kStep)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15");
#undef CLEAR
#undef MULTIPLY_ADD
}

const std::vector<PeakLoop> kLoops = {
    {"avx512", [] { return __builtin_cpu_supports("avx512f") != 0; }, RunAvx512, 24 * 16 * 2},
    {"avx2", [] { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }, RunAvx2, 12 * 8 * 2},
};

#elif defined(__aarch64__)

void RunNeon(long iterations) {
#define CLEAR(i) "movi v" #i ".4s, #0\n"
#define MULTIPLY_ADD(i) "fmla v" #i ".4s, v30.4s, v31.4s\n"
  asm volatile(
      "ld1r {v30.4s}, [%[one]]\n"
      "ld1r {v31.4s}, [%[step]]\n"  //
      SUMS_0_TO_11(CLEAR) SUMS_12_TO_23(CLEAR) "1:\n" SUMS_0_TO_11(MULTIPLY_ADD) SUMS_12_TO_23(MULTIPLY_ADD)
      "subs %[iterations], %[iterations], #1\n"
      "b.ne 1b\n"
      : [iterations] "+r"(iterations)
      : [one] "r"(&kOne), [step] "r"(&kStep), "m"(kOne), "m"(kStep)
      : "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
        "v19", "v20", "v21", "v22", "v23", "v30", "v31");
#undef CLEAR
#undef MULTIPLY_ADD
}

const std::vector<PeakLoop> kLoops = {{"neon", [] { return true; }, RunNeon, 24 * 4 * 2}};

#else

const std::vector<PeakLoop> kLoops = {};

#endif

// Some 40 microseconds: short against the time that is measured, long against a look at the clock.
constexpr long kIterationsAtOnce = 10'000;

// Operations a second of the calling thread, over at least `duration`.
double RunFor(const PeakLoop& loop, Seconds duration) {
  const auto started = Clock::now();
  double operations = 0;
  Seconds elapsed{};
  do {
    loop.run(kIterationsAtOnce);
    operations += kIterationsAtOnce * loop.operations_an_iteration;
    elapsed = Clock::now() - started;
  } while (elapsed < duration);
  return operations / elapsed.count();
}

// The sum of the rates of threads that all run for the same time. Before that they run for a quarter of it, so that the clock of the cores
// is what it is under this load.
double Measure(const PeakLoop& loop, int threads, Seconds duration) {
  std::vector<double> rates(threads);
  std::barrier all_ready(threads);
  std::vector<std::thread> running;
  for (int index = 0; index < threads; ++index) {
    running.emplace_back([&, index] {
      RunFor(loop, duration / 4);
      all_ready.arrive_and_wait();
      rates[index] = RunFor(loop, duration);
    });
  }
  for (std::thread& thread : running) thread.join();
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}

int IntegerOf(const std::string& text, int highest) {
  size_t used = 0;
  const int value = std::stoi(text, &used);
  if (used != text.size() || value < 1 || value > highest) throw std::out_of_range(text);
  return value;
}

const PeakLoop* FindLoop(const std::string& name) {
  for (const PeakLoop& loop : kLoops)
    if (loop.name == name && loop.is_supported()) return &loop;
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const PeakLoop& loop : kLoops)
      if (loop.is_supported()) std::puts(loop.name);
    return EXIT_SUCCESS;
  }
  try {
    const PeakLoop* loop = argc == 4 ? FindLoop(argv[1]) : nullptr;
    if (loop == nullptr) throw std::invalid_argument("the instruction set");
    const int threads = IntegerOf(argv[2], 1024);
    const int millis = IntegerOf(argv[3], 60'000);
    std::printf("%.3f\n", Measure(*loop, threads, std::chrono::milliseconds(millis)) / 1e9);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Expected a listed instruction set, 1 to 1024 threads and 1 to 60000 milliseconds: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
