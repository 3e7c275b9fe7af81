// How fast this processor multiplies and adds float32 values at most: loops that do nothing but fused multiply-adds of registers. Beside
// them, where there are such instructions:
//
//   <set>-loads   the same multiply-adds, with the loads of a tile of the fused engine (native/fused/tile.h, without what it prefetches),
//   all
//                 from the fastest cache: what the core has left for the tile. Two programs that share a core, as virtual machines often
//                 do, share its loads as well.
//   <set>-bf16    products of bfloat16 values, with float32 sums
//
//   fma_peak                              lists the loops that this processor can run, one a line
//   fma_peak <loop> <threads> <millis>    prints the rate of that many threads at the same time, in GFLOP/s
//
// In assembly, because compilers spill or reorder such loops, and then read far too low. Each loop has more independent sums than a core
// has multiply-adds in flight (latency times units: 8 on most x86-64 cores, 16 on Apple's), so that no sum is waited for.

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct PeakLoop {
  const char* name;                // Begins as in TORCH_RNN_MNIST_CPU.
  bool (*is_supported)();          // By the processor and the operating system.
  void (*run)(long iterations);    // At least one.
  double operations_an_iteration;  // A multiply-add counts as two.
};

// The operands are 1 and 2^-20: sums grow from 0 until they no longer change, never become denormal, and never overflow.
constexpr float kOne = 1.0f;
constexpr float kStep = 0x1p-20f;

// What the loops with loads read: for each load, a line of a cache.
constexpr int kMostLoads = 14;
constexpr int kLineFloats = 16;
alignas(64) float loaded[kMostLoads * kLineFloats];

// A line of assembly for each register of sums.
#define SUMS_0_TO_11(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define SUMS_12_TO_23(DO) DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23)

#if defined(__x86_64__)

// Registers that a loop with 12 x 2 sums of 512 bits uses, operands included.
#define ALL_ZMM                                                                                                                         \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", \
      "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29",     \
      "xmm30", "xmm31"

#define CLEAR_ZMM(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n"

// A loop of registers alone: 24 times the same instruction, each with sums of its own. MULTIPLY_ADD(i): with sums i and the operands 30
// and 31.
#define RUN_ZMM(MULTIPLY_ADD) \
  asm volatile("vbroadcastss %[one], %%zmm30\n"                                                          \
               "vbroadcastss %[step], %%zmm31\n" SUMS_0_TO_11(CLEAR_ZMM) SUMS_12_TO_23(CLEAR_ZMM) "1:\n" \
               SUMS_0_TO_11(MULTIPLY_ADD) SUMS_12_TO_23(MULTIPLY_ADD) "sub $1, %[iterations]\n"          \
               "jnz 1b\n"                                                                                \
               "vzeroupper\n"                                                                            \
               : [iterations] "+r"(iterations)                                                           \
               : [one] "m"(kOne), [step] "m"(kStep)                                                      \
               : "cc", ALL_ZMM)

__attribute__((target("avx512f"))) void RunAvx512(long iterations) {
#define MULTIPLY_ADD(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
  RUN_ZMM(MULTIPLY_ADD);
#undef MULTIPLY_ADD
}

// Each instruction multiplies 32 pairs of values and adds the products to 16 sums.
__attribute__((target("avx512f"))) void RunAvx512Bf16(long iterations) {
#define MULTIPLY_ADD(i) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" #i "\n"
  RUN_ZMM(MULTIPLY_ADD);
#undef MULTIPLY_ADD
}

// A tile of 12 rows and 2 vectors: in each step of its depth it loads 2 vectors, and broadcasts 12 values.
__attribute__((target("avx512f"))) void RunAvx512Loads(long iterations) {
#define ROW(value, line, first, second)                \
  "vbroadcastss 64*" #line "(%[from]), %%zmm" #value   \
  "\n"                                                 \
  "vfmadd231ps %%zmm30, %%zmm" #value ", %%zmm" #first \
  "\n"                                                 \
  "vfmadd231ps %%zmm31, %%zmm" #value ", %%zmm" #second "\n"
  asm volatile(SUMS_0_TO_11(CLEAR_ZMM) SUMS_12_TO_23(CLEAR_ZMM) "1:\n"
               "vmovups (%[from]), %%zmm30\n"
               "vmovups 64(%[from]), %%zmm31\n"  //
               ROW(24, 2, 0, 1) ROW(25, 3, 2, 3) ROW(26, 4, 4, 5) ROW(27, 5, 6, 7) ROW(28, 6, 8, 9) ROW(29, 7, 10, 11)
               ROW(24, 8, 12, 13) ROW(25, 9, 14, 15) ROW(26, 10, 16, 17) ROW(27, 11, 18, 19) ROW(28, 12, 20, 21) ROW(29, 13, 22, 23)
               "sub $1, %[iterations]\n"
               "jnz 1b\n"
               "vzeroupper\n"
               : [iterations] "+r"(iterations)
               : [from] "r"(loaded)
               : "cc", "memory", ALL_ZMM);
#undef ROW
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

// A tile of 4 rows and 3 vectors.
__attribute__((target("avx2,fma"))) void RunAvx2Loads(long iterations) {
#define CLEAR(i) "vxorps %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define ROW(line, first, second, third)         \
  "vbroadcastss 64*" #line                      \
  "(%[from]), %%ymm15\n"                        \
  "vfmadd231ps %%ymm12, %%ymm15, %%ymm" #first  \
  "\n"                                          \
  "vfmadd231ps %%ymm13, %%ymm15, %%ymm" #second \
  "\n"                                          \
  "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #third "\n"
  asm volatile(SUMS_0_TO_11(CLEAR) "1:\n"
               "vmovups (%[from]), %%ymm12\n"
               "vmovups 64(%[from]), %%ymm13\n"
               "vmovups 128(%[from]), %%ymm14\n"  //
               ROW(3, 0, 1, 2) ROW(4, 3, 4, 5) ROW(5, 6, 7, 8) ROW(6, 9, 10, 11)
               "sub $1, %[iterations]\n"
               "jnz 1b\n"
               "vzeroupper\n"
               : [iterations] "+r"(iterations)
               : [from] "r"(loaded)
               : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                 "xmm13", "xmm14", "xmm15");
#undef ROW
#undef CLEAR
}

bool HasAvx512() { return __builtin_cpu_supports("avx512f") != 0; }
bool HasAvx512Bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }
bool HasAvx2() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }

const std::vector<PeakLoop> kLoops = {
    {"avx512", HasAvx512, RunAvx512, 24 * 16 * 2},
    {"avx512-loads", HasAvx512, RunAvx512Loads, 24 * 16 * 2},
    {"avx512-bf16", HasAvx512Bf16, RunAvx512Bf16, 24 * 32 * 2},
    {"avx2", HasAvx2, RunAvx2, 12 * 8 * 2},
    {"avx2-loads", HasAvx2, RunAvx2Loads, 12 * 8 * 2},
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
  // Small enough that no sum overflows, whichever are multiplied.
  std::fill(std::begin(loaded), std::end(loaded), kStep);
  if (argc == 1) {
    for (const PeakLoop& loop : kLoops)
      if (loop.is_supported()) std::puts(loop.name);
    return EXIT_SUCCESS;
  }
  try {
    const PeakLoop* loop = argc == 4 ? FindLoop(argv[1]) : nullptr;
    if (loop == nullptr) throw std::invalid_argument("the loop");
    const int threads = IntegerOf(argv[2], 1024);
    const int millis = IntegerOf(argv[3], 60'000);
    std::printf("%.3f\n", Measure(*loop, threads, std::chrono::milliseconds(millis)) / 1e9);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Expected a listed loop, 1 to 1024 threads and 1 to 60000 milliseconds: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
