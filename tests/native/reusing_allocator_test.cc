#include "native/core/runtime/reusing_allocator.h"

#include <torch/types.h>

#include <cstdint>
#include <exception>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "native/core/runtime/torch_error.h"
#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kLarge = 1 << 20;
constexpr int64_t kLargeBytes = kLarge * 4;

// Runs on a thread that keeps its blocks, and rethrows an exception.
template <typename Body>
void OnKeepingThread(Body body) {
  InstallReusingAllocator();
  std::exception_ptr failure;
  std::thread([&] {
    try {
      ReuseMemoryOnThisThread();
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

TEST(FreedBlockServesTheNextTensorOfItsSize) {
  OnKeepingThread([] {
    torch::Tensor first = torch::zeros({kLarge});
    const void* const place = first.data_ptr();
    first.reset();
    REQUIRE_EQ(KeptBytes(), kLargeBytes);
    const torch::Tensor other_size = torch::zeros({kLarge / 2});
    REQUIRE_EQ(KeptBytes(), kLargeBytes);
    const torch::Tensor second = torch::full({kLarge}, 3.0F);
    REQUIRE(second.data_ptr() == place);
    REQUIRE_EQ(KeptBytes(), 0);
    REQUIRE_EQ(second.sum().item<float>(), 3.0F * kLarge);
  });
}

TEST(ZerosAreZerosInAReusedBlock) {
  OnKeepingThread([] {
    const void* const place = torch::ones({kLarge}).data_ptr();
    const torch::Tensor zeros = torch::zeros({kLarge});
    REQUIRE(zeros.data_ptr() == place);
    REQUIRE_EQ(zeros.count_nonzero().item<int64_t>(), 0);
  });
}

TEST(ReleaseGivesAllBlocksBack) {
  OnKeepingThread([] {
    {
      const std::vector<torch::Tensor> several = {torch::zeros({kLarge}), torch::zeros({kLarge}), torch::zeros({kLarge * 2})};
    }
    REQUIRE_EQ(KeptBytes(), 4 * kLargeBytes);
    ReleaseKeptMemory();
    REQUIRE_EQ(KeptBytes(), 0);
  });
}

TEST(SmallBlocksAreNotKept) {
  OnKeepingThread([] {
    torch::zeros({100});
    torch::empty({0});
    REQUIRE_EQ(KeptBytes(), 0);
  });
}

TEST(OtherThreadsKeepNothingAndMayFree) {
  InstallReusingAllocator();
  torch::Tensor made_elsewhere;
  OnKeepingThread([&] {
    made_elsewhere = torch::full({kLarge}, 2.0F);
    REQUIRE_EQ(KeptBytes(), 0);
  });
  REQUIRE_EQ(made_elsewhere.sum().item<float>(), 2.0F * kLarge);  // It outlives the thread that made it.
  made_elsewhere.reset();
  REQUIRE_EQ(KeptBytes(), 0);
}

TEST(BlockOfAnotherThreadIsNotKept) {
  InstallReusingAllocator();
  torch::Tensor made_here = torch::zeros({kLarge});
  OnKeepingThread([&] {
    made_here.reset();
    REQUIRE_EQ(KeptBytes(), 0);
  });
}

TEST(TooMuchMemoryIsRefusedAsBefore) {
  OnKeepingThread([] {
    for (const int64_t bytes : {int64_t{1} << 50, std::numeric_limits<int64_t>::max() - 10}) {
      std::string code;
      try {
        torch::empty({bytes}, torch::kUInt8);
      } catch (...) {
        code = TranslateException(std::current_exception()).code();
      }
      REQUIRE_EQ(code, std::string(kOutOfMemory));
    }
  });
}

}  // namespace
}  // namespace torch_rnn_mnist
