#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "native/core/data/dataset.h"

namespace torch_rnn_mnist {

// Samples that are computed together, on the model's device.
struct Batch {
  torch::Tensor images;  // float32 [N, T, F]
  torch::Tensor labels;  // int64 [N]

  int64_t size() const { return images.size(0); }
};

// A data set cut into batches, in its own order or a given one. For the computing thread only.
class Batches {
 public:
  // In the data set's own order. `dataset` must outlive this object.
  Batches(const Dataset& dataset, torch::Device device, int64_t batch_size);
  // `order`: a permutation of the samples.
  Batches(const Dataset& dataset, torch::Device device, int64_t batch_size, std::vector<int64_t> order);

  // The number of batches. A smaller last batch counts as one.
  int64_t count() const { return (dataset_.size() + batch_size_ - 1) / batch_size_; }
  // `index`: from 0 to count() - 1. The images are scaled (see ScaleImages).
  Batch Get(int64_t index) const;

 private:
  Batch GatherOnCpu(const std::vector<int64_t>& positions) const;

  const Dataset& dataset_;
  const torch::Device device_;
  const std::shared_ptr<const LabelledImages> copy_;  // On the device; null on the CPU. Shared with others who use the same data.
  const int64_t batch_size_;
  const std::vector<int64_t> order_;  // Empty: the data set's own order.
};

}  // namespace torch_rnn_mnist
