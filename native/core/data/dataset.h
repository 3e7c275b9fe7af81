#pragma once

#include <torch/types.h>

#include <cstdint>
#include <mutex>
#include <vector>

namespace torch_rnn_mnist {

// The arrays of a dataset, all on one device.
struct DatasetTensors {
  torch::Tensor images;  // uint8 (0 to 255) or float32 [N, T, F]
  torch::Tensor labels;  // int64 [N]
};

// Images with labels, immutable once made. Copied to a device once, at first use there. Thread-safe.
class Dataset {
 public:
  // images: uint8 or float32 [N, T, F] on the CPU, N > 0; labels: int64 [N] on the CPU, from 0.
  // Throws ERR_INVALID_SHAPE or ERR_INVALID_DATA.
  Dataset(torch::Tensor images, torch::Tensor labels);

  int64_t size() const { return cpu_.images.size(0); }
  int64_t features() const { return cpu_.images.size(2); }
  int64_t max_label() const { return max_label_; }
  int64_t bytes() const;

  DatasetTensors On(torch::Device device) const;

 private:
  DatasetTensors cpu_;
  int64_t max_label_;
  mutable std::mutex mutex_;
  mutable std::vector<DatasetTensors> copies_;  // Guarded by mutex_; one for each other device that was used.
};

// Images as the network takes them: float32, where bytes are divided by 255, the only preprocessing of the tutorial.
torch::Tensor ScaleImages(const torch::Tensor& images);

// Checks that `dataset` fits a model. Throws ERR_INVALID_SHAPE or ERR_INVALID_DATA.
void CheckDatasetFits(const Dataset& dataset, int64_t input_size, int64_t num_classes);

}  // namespace torch_rnn_mnist
