#include "native/core/data/dataset.h"

#include <algorithm>
#include <string>
#include <utility>

#include "native/core/data/sequences.h"
#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

LabelledImages Checked(LabelledImages data) {
  const auto& [images, labels, lengths] = data;
  if (images.dim() != 3 || images.numel() == 0) {
    throw Error(kInvalidShape, "Expected images of shape [N, T, F] with at least one sample.");
  }
  if (labels.dim() != 1 || labels.size(0) != images.size(0)) {
    throw Error(kInvalidShape, "Expected one label for each of the " + std::to_string(images.size(0)) + " images but received " +
                                   std::to_string(labels.numel()) + ".");
  }
  const bool has_known_types =
      labels.scalar_type() == torch::kUInt8 && (images.scalar_type() == torch::kUInt8 || images.scalar_type() == torch::kFloat32);
  if (!has_known_types || !images.is_contiguous() || !labels.is_contiguous() || !images.is_cpu() || !labels.is_cpu()) {
    throw Error(kInvalidArgument, "Expected contiguous images (uint8 or float32) and labels (uint8) on the CPU.");
  }
  if (lengths.defined() && lengths.scalar_type() != torch::kInt32) throw Error(kInvalidArgument, "Expected lengths of the type int32.");
  CheckLengths(lengths, images.size(0), images.size(1));
  return data;
}

template <typename Length>
void CheckEachLength(const torch::Tensor& lengths, int64_t steps) {
  const auto* each = lengths.const_data_ptr<Length>();
  for (int64_t index = 0; index < lengths.size(0); ++index) {
    if (each[index] >= 1 && each[index] <= steps) continue;
    throw Error(kInvalidData, "Expected lengths from 1 to " + std::to_string(steps) + " (the steps of a sequence) but the one at index " +
                                  std::to_string(index) + " is " + std::to_string(each[index]) + ".");
  }
}

}  // namespace

// Plain loops: see FindMaxLabel.
void CheckLengths(const torch::Tensor& lengths, int64_t count, int64_t steps) {
  if (!lengths.defined()) return;
  if (lengths.dim() != 1 || lengths.size(0) != count) {
    throw Error(kInvalidShape, "Expected one length for each of the " + std::to_string(count) + " sequences but received " +
                                   std::to_string(lengths.numel()) + ".");
  }
  if (!lengths.is_contiguous() || !lengths.is_cpu()) throw Error(kInvalidArgument, "Expected contiguous lengths on the CPU.");
  if (lengths.scalar_type() == torch::kInt32) return CheckEachLength<int32_t>(lengths, steps);
  if (lengths.scalar_type() == torch::kInt64) return CheckEachLength<int64_t>(lengths, steps);
  throw Error(kInvalidArgument, "Expected lengths of the type int32 or int64.");
}

ImageStorage::ImageStorage(LabelledImages cpu, std::shared_ptr<void> owner) : owner_(std::move(owner)), cpu_(Checked(std::move(cpu))) {}

std::shared_ptr<const LabelledImages> ImageStorage::On(torch::Device device) const {
  std::lock_guard lock(mutex_);
  std::erase_if(copies_, [](const std::weak_ptr<const LabelledImages>& copy) { return copy.expired(); });
  for (const std::weak_ptr<const LabelledImages>& weak : copies_) {
    std::shared_ptr<const LabelledImages> copy = weak.lock();
    if (copy && copy->images.device() == device) return copy;
  }
  auto copy = std::make_shared<const LabelledImages>(LabelledImages{cpu_.images.to(device), cpu_.labels.to(device), cpu_.lengths});
  copies_.push_back(copy);
  return copy;
}

void DeviceCopies::Keep(const ImageStorage& storage, torch::Device device) {
  constexpr size_t kMost = 2;
  std::shared_ptr<const LabelledImages> copy = storage.On(device);
  std::erase(copies_, copy);
  if (copies_.size() == kMost) copies_.erase(copies_.begin());
  copies_.push_back(std::move(copy));
}

Dataset::Dataset(std::shared_ptr<const ImageStorage> storage)
    : storage_(std::move(storage)), count_(storage_->size()), max_label_(FindMaxLabel()) {}

Dataset::Dataset(std::shared_ptr<const ImageStorage> storage, int64_t first, int64_t count)
    : storage_(std::move(storage)), first_(first), count_(count), max_label_(FindMaxLabel()) {}

Dataset::Dataset(std::shared_ptr<const ImageStorage> storage, std::vector<int64_t> positions)
    : storage_(std::move(storage)), positions_(std::move(positions)), max_label_(FindMaxLabel()) {}

// A plain loop: this runs on the JavaScript thread, where libtorch must start no threads (see threads.h).
int64_t Dataset::FindMaxLabel() const {
  if (size() < 1) throw Error(kInvalidArgument, "Expected at least one sample.");
  const auto* labels = storage_->cpu().labels.const_data_ptr<uint8_t>();
  uint8_t largest = 0;
  for (int64_t index = 0; index < size(); ++index) {
    const int64_t position = Position(index);
    if (position < 0 || position >= storage_->size()) {
      throw Error(kInvalidArgument,
                  "Expected samples from 0 to " + std::to_string(storage_->size() - 1) + " but received " + std::to_string(position) + ".");
    }
    largest = std::max(largest, labels[position]);
  }
  return largest;
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
