#include "native/core/runtime/device.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <future>
#include <limits>
#include <string>
#include <thread>

#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

// Half of the smallest normal number, as the processor computes it here: a denormal, or 0 when it flushes them.
float HalfOfTheSmallest() {
  volatile float smallest = std::numeric_limits<float>::min();  // volatile: not computed by the compiler.
  return smallest * 0.5F;
}

TEST(CpuIsAlwaysThere) { REQUIRE(ResolveDevice("cpu") == c10::Device(c10::kCPU)); }

TEST(AutoTakesCudaWhereThereIsSome) {
  const c10::Device expected = CudaDeviceCount() > 0 ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  REQUIRE(ResolveDevice("auto") == expected);
}

TEST(CudaDevicesAreNumberedAndOthersRefused) {
  const int count = CudaDeviceCount();
  for (int i = 0; i < count; ++i) {
    REQUIRE(ResolveDevice("cuda:" + std::to_string(i)) == c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(i)));
  }
  const std::string missing = "cuda:" + std::to_string(count);
  const Error error = REQUIRE_THROWS(kDeviceUnavailable, ResolveDevice(missing));
  const std::string message = error.what();
  REQUIRE(message.rfind(missing + " was asked for but this machine has ", 0) == 0);
  REQUIRE_THROWS(kDeviceUnavailable, ResolveDevice("cuda:999"));
  if (count == 0) {
    REQUIRE_THROWS(kDeviceUnavailable, ResolveDevice("cuda"));
    REQUIRE_EQ(message, std::string("cuda:0 was asked for but this machine has no CUDA device that libtorch can use."));
  }
}

TEST(CpuBackendNamesWhatComputes) {
  const CpuBackend backend = DescribeCpuBackend();
  REQUIRE(!backend.capability.empty());
  // One word, cut out of a long text.
  REQUIRE(!backend.blas.empty());
  REQUIRE(backend.blas.find_first_of(" ,=\n") == std::string::npos);
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

}  // namespace
}  // namespace torch_rnn_mnist
