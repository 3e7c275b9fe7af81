#include "native/core/runtime/threads.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <cstdint>
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

// Halves many copies of the smallest normal number, so that libtorch divides the work among threads. Returns the number of denormals.
int64_t CountDenormalsOfLibtorch() {
  constexpr int64_t kMuch = 1 << 20;
  return torch::full({kMuch}, std::numeric_limits<float>::min()).mul_(0.5F).view(torch::kInt32).count_nonzero().item<int64_t>();
}

TEST(ComputeThreadFlushesDenormals) {
  float here = 1;
  int64_t denormals = 1;
  std::thread([&] {
    PrepareComputeThread(/*threads=*/2);
    here = HalfOfTheSmallest();
    denormals = CountDenormalsOfLibtorch();
  }).join();
  REQUIRE_EQ(here, 0.0F);
  REQUIRE_EQ(denormals, 0);
  REQUIRE(HalfOfTheSmallest() != 0);  // And not on a thread that was never prepared.
  REQUIRE(CountDenormalsOfLibtorch() > 0);
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

// What libtorch would take by itself is never more than the cores that the process may use; what is asked for may be.
TEST(DefaultIsAtMostTheCores) {
  const auto count_with = [](int threads, int cores) {
    int count = 0;
    std::thread([&] {
      PrepareComputeThread(threads, cores);
      count = at::get_num_threads();
    }).join();
    return count;
  };
  REQUIRE_EQ(count_with(/*threads=*/0, /*cores=*/1), 1);
  REQUIRE_EQ(count_with(/*threads=*/3, /*cores=*/1), 3);
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
  int prepared = 0;  // This thread, and those of a pool that libtorch makes for other libraries and never releases.
  int at_work = 0;
  int released = 0;
  int back_at_work = 0;
  const auto work = [] {
    CountDenormalsOfLibtorch();
    return CountModelThreads();
  };
  std::thread([&] {
    PrepareComputeThread(/*threads=*/3);
    prepared = CountModelThreads();
    at_work = work();
    ReleaseThreadPool();
    // The last threads of the pool may still be ending when the call returns: wait until the counter says that they are gone.
    while ((released = CountModelThreads()) > prepared) std::this_thread::yield();
    back_at_work = work();
  }).join();
  REQUIRE_EQ(at_work, prepared + 2);
  REQUIRE_EQ(released, prepared);
  REQUIRE_EQ(back_at_work, prepared + 2);
}
#endif

}  // namespace
}  // namespace torch_rnn_mnist
