#include "native/core/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <torch/cuda.h>

#include <charconv>
#include <string_view>
#include <system_error>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

int ParseCudaIndex(const std::string& name) {
  constexpr std::string_view kPrefix = "cuda:";
  int index = -1;
  if (name.rfind(kPrefix, 0) == 0) {
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + kPrefix.size(), end, index);
    if (error != std::errc() || rest != end) index = -1;
  }
  if (index < 0) throw Error(kInvalidArgument, "Expected auto, cpu, cuda or cuda:N for device but received " + name + ".");
  return index;
}

std::string DescribeCudaDevices(int count) {
  if (count == 0) return "no CUDA device that libtorch can use";
  if (count == 1) return "1 CUDA device (cuda:0)";
  return std::to_string(count) + " CUDA devices (cuda:0 to cuda:" + std::to_string(count - 1) + ")";
}

// The reason why a device is refused.
Error Unavailable(const std::string& name, int count) {
  return {kDeviceUnavailable, name + " was asked for but this machine has " + DescribeCudaDevices(count) + "."};
}

}  // namespace

int CudaDeviceCount() { return static_cast<int>(torch::cuda::device_count()); }

c10::Device ResolveDevice(const std::string& name, int cuda_devices) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  const int count = cuda_devices > 0 ? cuda_devices : CudaDeviceCount();
  if (name == "auto") return count > 0 ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  const int index = name == "cuda" ? 0 : ParseCudaIndex(name);
  if (index >= count) throw Unavailable(name, count);
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

void StartDevice(c10::Device device) {
  if (!device.is_cuda()) return;
  const int count = CudaDeviceCount();
  if (device.index() >= count) throw Unavailable(device.str(), count);
  MakeCudaDeterministic();
}

void MakeCudaDeterministic() {
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
}

CpuBackend DescribeCpuBackend() {
  // libtorch names its BLAS only in this list of settings: "..., BLAS_INFO=mkl, ...".
  static constexpr char kBlasKey[] = "BLAS_INFO=";
  const std::string config = at::show_config();
  const size_t key = config.find(kBlasKey);
  if (key == std::string::npos) return {at::get_cpu_capability(), "unknown"};
  const size_t begin = key + sizeof(kBlasKey) - 1;
  return {at::get_cpu_capability(), config.substr(begin, config.find(',', begin) - begin)};
}

}  // namespace torch_rnn_mnist
