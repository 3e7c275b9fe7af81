#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace torch_rnn_mnist {

inline constexpr float kByteMax = 255.0F;  // The largest value of an 8-bit pixel.

// Images with their labels, all on one device.
struct LabelledImages {
  torch::Tensor images;  // uint8 (0 to 255) or float32 [N, T, F]
  torch::Tensor labels;  // uint8 [N]
  // int32 [N], always on the CPU: how many steps of each sample are real, as in Sequences. Undefined: all.
  torch::Tensor lengths = {};
};

// The arrays that data sets share. Immutable. Thread-safe.
class ImageStorage {
 public:
  // Both on the CPU and contiguous, N > 0. `owner` keeps the memory alive when the tensors only borrow it.
  // Throws ERR_INVALID_SHAPE or ERR_INVALID_ARGUMENT.
  ImageStorage(LabelledImages cpu, std::shared_ptr<void> owner = nullptr);

  const LabelledImages& cpu() const { return cpu_; }
  int64_t size() const { return cpu_.images.size(0); }
  // A copy on another device than the CPU. It is freed when nobody holds it any more; until then, everybody gets the same.
  std::shared_ptr<const LabelledImages> On(torch::Device device) const;

 private:
  const std::shared_ptr<void> owner_;  // Before the tensors, so that it is released after them.
  const LabelledImages cpu_;
  mutable std::mutex mutex_;
  mutable std::vector<std::weak_ptr<const LabelledImages>> copies_;  // Guarded by mutex_; one for each device.
};

// Keeps the copies on a device that were used last: of a training set and a validation set.
class DeviceCopies {
 public:
  void Keep(const ImageStorage& storage, torch::Device device);
  void Clear() { copies_.clear(); }

 private:
  std::vector<std::shared_ptr<const LabelledImages>> copies_;  // Shared with the batches that are cut from them. The latest last.
};

// A view of some samples of a storage, in any order. Copies no images. Immutable.
class Dataset {
 public:
  // All samples.
  explicit Dataset(std::shared_ptr<const ImageStorage> storage);
  // The samples `first` to `first` + `count` - 1. Throws ERR_INVALID_ARGUMENT when the storage lacks one of them, or `count` is 0.
  Dataset(std::shared_ptr<const ImageStorage> storage, int64_t first, int64_t count);
  // The samples at these positions of the storage. Throws ERR_INVALID_ARGUMENT in the same cases.
  Dataset(std::shared_ptr<const ImageStorage> storage, std::vector<int64_t> positions);

  int64_t size() const { return positions_ ? static_cast<int64_t>(positions_->size()) : count_; }
  int64_t features() const { return storage_->cpu().images.size(2); }
  int64_t max_label() const { return max_label_; }
  bool has_lengths() const { return storage_->cpu().lengths.defined(); }
  const ImageStorage& storage() const { return *storage_; }
  // The position of sample `index` in the storage.
  int64_t Position(int64_t index) const { return positions_ ? (*positions_)[static_cast<size_t>(index)] : first_ + index; }

 private:
  int64_t FindMaxLabel() const;

  const std::shared_ptr<const ImageStorage> storage_;  // Shared with other views.
  const int64_t first_ = 0;
  const int64_t count_ = 0;
  const std::optional<std::vector<int64_t>> positions_;
  const int64_t max_label_;
};

// Images as the network takes them: float32. Bytes are divided by 255, as in the tutorial; there is no other preprocessing.
torch::Tensor ScaleImages(const torch::Tensor& images);

// Checks that `dataset` fits a model. Throws ERR_INVALID_SHAPE or ERR_INVALID_DATA.
void CheckDatasetFits(const Dataset& dataset, int64_t input_size, int64_t num_classes);

}  // namespace torch_rnn_mnist
