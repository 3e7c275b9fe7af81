#include "native/core/data/dataset.h"

#include <string>
#include <utility>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

constexpr double kByteMax = 255.0;  // Full ink of an 8-bit pixel.

}  // namespace

Dataset::Dataset(torch::Tensor images, torch::Tensor labels) : cpu_{std::move(images), std::move(labels)} {
  if (cpu_.images.dim() != 3 || cpu_.images.numel() == 0) {
    throw Error(kInvalidShape, "Expected images of shape [N, T, F] with at least one sample.");
  }
  if (cpu_.labels.dim() != 1 || cpu_.labels.size(0) != size()) {
    throw Error(kInvalidShape, "Expected one label for each of the " + std::to_string(size()) + " images but received " +
                                   std::to_string(cpu_.labels.numel()) + ".");
  }
  if (cpu_.labels.min().item<int64_t>() < 0) throw Error(kInvalidData, "Expected labels from 0 on.");
  max_label_ = cpu_.labels.max().item<int64_t>();
}

int64_t Dataset::bytes() const { return static_cast<int64_t>(cpu_.images.nbytes() + cpu_.labels.nbytes()); }

DatasetTensors Dataset::On(torch::Device device) const {
  if (device.is_cpu()) return cpu_;
  std::lock_guard lock(mutex_);
  for (const DatasetTensors& copy : copies_) {
    if (copy.images.device() == device) return copy;
  }
  return copies_.emplace_back(DatasetTensors{cpu_.images.to(device), cpu_.labels.to(device)});
}

torch::Tensor ScaleImages(const torch::Tensor& images) {
  if (images.scalar_type() == torch::kFloat32) return images;
  return images.to(torch::kFloat32).div_(kByteMax);
}

void CheckDatasetFits(const Dataset& dataset, int64_t input_size, int64_t num_classes) {
  if (dataset.features() != input_size) {
    throw Error(kInvalidShape, "Expected images with " + std::to_string(input_size) + " columns (the model's inputSize) but received " +
                                   std::to_string(dataset.features()) + ".");
  }
  if (dataset.max_label() >= num_classes) {
    throw Error(kInvalidData, "Expected labels from 0 to " + std::to_string(num_classes - 1) + " (the model's numClasses) but found " +
                                  std::to_string(dataset.max_label()) + ".");
  }
}

}  // namespace torch_rnn_mnist
