#include "native/core/runtime/threads.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <fstream>
#include <future>
#include <limits>
#include <string>
#include <thread>

#ifdef __linux__
#include <filesystem>
#endif

#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

// Half of the smallest normal number, as the processor computes it here: a denormal, or 0 when it flushes them.
float HalfOfTheSmallest() {
  volatile float smallest = std::numeric_limits<float>::min();  // volatile: not computed by the compiler.
  return smallest * 0.5F;
}

TEST(ComputeThreadFlushesDenormals) {
  float here = 1;
  std::atomic<int> denormals = 0;
  std::thread([&] {
    PrepareComputeThread(/*threads=*/2);
    here = HalfOfTheSmallest();
    // On the threads that libtorch starts for one operation, too.
    at::parallel_for(0, 64, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) denormals += HalfOfTheSmallest() != 0 ? 1 : 0;
    });
  }).join();
  REQUIRE_EQ(here, 0.0F);
  REQUIRE_EQ(denormals.load(), 0);
  REQUIRE(HalfOfTheSmallest() != 0);  // And not on a thread that was never prepared.
}

TEST(ThreadCountBelongsToItsThread) {
  int default_count = 0;
  std::thread([&] {
    PrepareComputeThread(/*threads=*/0);
    default_count = at::get_num_threads();
  }).join();
  std::promise<void> one_prepared;
  std::promise<void> three_prepared;
  int one_count = 0;
  std::thread one([&] {
    PrepareComputeThread(1);
    one_prepared.set_value();
    three_prepared.get_future().wait();
    one_count = at::get_num_threads();
  });
  one_prepared.get_future().wait();
  int three_count = 0;
  std::thread([&] {
    PrepareComputeThread(3);
    three_count = at::get_num_threads();
  }).join();
  three_prepared.set_value();
  one.join();
  // libtorch keeps the last count for the whole process and gives it to every thread that asks for the first time.
  REQUIRE_EQ(one_count, 1);
  REQUIRE_EQ(three_count, 3);
  int later_default_count = 0;
  std::thread([&] {
    PrepareComputeThread(/*threads=*/0);
    later_default_count = at::get_num_threads();
  }).join();
  REQUIRE_EQ(later_default_count, default_count);
}

#ifdef __linux__
// Threads of this process whose name is that of a model's.
int CountModelThreads() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    count += name == kModelThreadName ? 1 : 0;
  }
  return count;
}

TEST(ReleasedPoolHasNoThreadsAndComesBack) {
  int at_work = 0;
  int released = 0;
  int back_at_work = 0;
  std::atomic<int64_t> visited = 0;
  const auto work = [&] {
    at::parallel_for(0, 64, /*grain_size=*/1, [&](int64_t begin, int64_t end) { visited += end - begin; });
    return CountModelThreads();
  };
  std::thread([&] {
    PrepareComputeThread(/*threads=*/3);
    at_work = work();
    ReleaseThreadPool();
    // The last threads of the pool may still be on their way out when the call returns: they are gone once the counter says so.
    while ((released = CountModelThreads()) > 1) std::this_thread::yield();
    back_at_work = work();
  }).join();
  REQUIRE_EQ(at_work, 3);
  REQUIRE_EQ(released, 1);
  REQUIRE_EQ(back_at_work, 3);
  REQUIRE_EQ(visited.load(), 128);
}
#endif

}  // namespace
}  // namespace torch_rnn_mnist
