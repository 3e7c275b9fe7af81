#include "native/core/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Version.h>

#include <string>
#include <thread>

#include "native/core/runtime/precision.h"
#include "tests/native/check.h"

namespace torch_rnn_mnist {
namespace {

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

TEST(AKnownNumberOfDevicesIsNotCountedAgain) {
  const int count = CudaDeviceCount();
  const int claimed = count + 2;
  const std::string last = "cuda:" + std::to_string(claimed - 1);
  const c10::Device device = ResolveDevice(last, claimed);
  REQUIRE(device == c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(claimed - 1)));
  REQUIRE_THROWS(kDeviceUnavailable, ResolveDevice("cuda:" + std::to_string(claimed), claimed));
  // The device is looked for before it is used.
  const Error error = REQUIRE_THROWS(kDeviceUnavailable, StartDevice(device));
  REQUIRE(std::string(error.what()).rfind(last + " was asked for but this machine has ", 0) == 0);
  StartDevice(c10::Device(c10::kCPU));
}

TEST(CudaIsDeterministicAsFarAsSettingsGo) {
  at::globalContext().setDeterministicCuDNN(false);
  at::globalContext().setBenchmarkCuDNN(true);
  MakeCudaDeterministic();
  REQUIRE(at::globalContext().deterministicCuDNN());
  REQUIRE(!at::globalContext().benchmarkCuDNN());
}

// The settings can be read without a GPU.
TEST(PrecisionHoldsWhileItsGuardLives) {
  const auto allows_tf32 = [] { return at::globalContext().allowTF32CuDNN(at::Float32Op::RNN); };
  const c10::Device gpu(c10::kCUDA, 0);
  const bool before = allows_tf32();
  {
    const PrecisionGuard guard(Precision::kFloat32, gpu);
    REQUIRE(!allows_tf32());
    const PrecisionGuard nothing(Precision::kTf32, c10::Device(c10::kCPU));
    REQUIRE(!allows_tf32());
  }
  REQUIRE_EQ(allows_tf32(), before);
  {
    const PrecisionGuard guard(Precision::kTf32, gpu);
    REQUIRE(allows_tf32());
  }
  REQUIRE_EQ(allows_tf32(), before);
}

TEST(ModelsOfDifferentPrecisionTakeTurns) {
  const c10::Device gpu(c10::kCUDA, 0);
  int mistakes[2] = {0, 0};
  const auto launch = [&](Precision precision, int& wrong) {
    for (int i = 0; i < 10'000; ++i) {
      const PrecisionGuard guard(precision, gpu);
      wrong += at::globalContext().allowTF32CuDNN(at::Float32Op::RNN) == (precision == Precision::kTf32) ? 0 : 1;
    }
  };
  std::thread other([&] { launch(Precision::kTf32, mistakes[0]); });
  launch(Precision::kFloat32, mistakes[1]);
  other.join();
  REQUIRE_EQ(mistakes[0], 0);
  REQUIRE_EQ(mistakes[1], 0);
}

TEST(CpuBackendNamesWhatComputes) {
  const CpuBackend backend = DescribeCpuBackend();
  REQUIRE(!backend.capability.empty());
  // One word, cut out of a long text.
  REQUIRE(!backend.blas.empty());
  REQUIRE(backend.blas.find_first_of(" ,=\n") == std::string::npos);
  REQUIRE(at::show_config().find("BLAS_INFO=" + backend.blas + ",") != std::string::npos);
}

}  // namespace
}  // namespace torch_rnn_mnist
