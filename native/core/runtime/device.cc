#include "native/core/runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

std::string DescribeCudaDevices(int count) {
  if (count == 0) return "no CUDA device that libtorch can use";
  if (count == 1) return "1 CUDA device (cuda:0)";
  return std::to_string(count) + " CUDA devices (cuda:0 to cuda:" + std::to_string(count - 1) + ")";
}

}  // namespace

int CudaDeviceCount() { return static_cast<int>(torch::cuda::device_count()); }

c10::Device ResolveDevice(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  const int count = CudaDeviceCount();
  if (name == "auto") return count > 0 ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  int index = 0;
  if (name.rfind("cuda:", 0) == 0) index = std::stoi(name.substr(5));
  if (index >= count) {
    throw Error(kDeviceUnavailable, name + " was asked for but this machine has " + DescribeCudaDevices(count) + ".");
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

CpuBackend DescribeCpuBackend() {
  // The only place where libtorch names its BLAS: a list of settings, "..., BLAS_INFO=mkl, ...".
  static constexpr char kBlasKey[] = "BLAS_INFO=";
  const std::string config = at::show_config();
  const size_t key = config.find(kBlasKey);
  if (key == std::string::npos) return {at::get_cpu_capability(), "unknown"};
  const size_t begin = key + sizeof(kBlasKey) - 1;
  return {at::get_cpu_capability(), config.substr(begin, config.find(',', begin) - begin)};
}

void PrepareComputeThread(int threads) {
  at::globalContext().setFlushDenormal(true);
  // libtorch also keeps the last count for the whole process, and a thread that asks for the first time gets that one. So the default
  // is read before any count is set, and this thread asks before its own is set: otherwise a model would take over the count of
  // another one (device_test, ThreadCountBelongsToItsThread).
  static const int default_threads = at::get_num_threads();
  at::get_num_threads();
  at::set_num_threads(threads > 0 ? threads : default_threads);
}

}  // namespace torch_rnn_mnist
