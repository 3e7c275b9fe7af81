#include "native/core/runtime/device.h"

#include <ATen/Version.h>

#include <string>

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
