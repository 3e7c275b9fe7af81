#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "native/core/data/augmentation.h"
#include "native/core/data/dataset.h"
#include "native/core/data/sequences.h"

namespace torch_rnn_mnist {

// Samples that are computed together, on the model's device.
struct Batch {
  torch::Tensor images;        // float32 [N, T, F]
  torch::Tensor labels;        // int64 [N]
  torch::Tensor lengths = {};  // As in Sequences.

  Sequences sequences() const { return {images, lengths}; }
  int64_t size() const { return images.size(0); }
};

// A data set cut into batches, in its own order or a given one. For the computing thread only.
class Batches {
 public:
  // `dataset` must outlive this object. `order`: a permutation of the samples; empty for the data set's own order. Throws
  // ERR_INVALID_OPTION for an augmentation of sequences of different length: there is no image to change.
  Batches(const Dataset& dataset, torch::Device device, int64_t batch_size, std::vector<int64_t> order = {},
          const Augmentation& augmentation = {});

  // The number of batches. A smaller last batch counts as one.
  int64_t count() const { return (dataset_.size() + batch_size_ - 1) / batch_size_; }
  // `index`: from 0 to count() - 1. The images are scaled (see ScaleImages), then augmented.
  Batch Get(int64_t index) const;
  // Some samples, by their indices in the data set, which must be valid. The same samples are the same images in any batch.
  Batch Gather(const std::vector<int64_t>& samples) const;

 private:
  Batch GatherOnCpu(const std::vector<int64_t>& samples) const;
  Batch GatherOnDevice(const std::vector<int64_t>& samples) const;
  torch::Tensor LengthsOf(const std::vector<int64_t>& samples) const;
  // Scales and augments them, from the storage's array of all images to [N, T, F].
  template <typename Pixel>
  void CopyImages(const std::vector<int64_t>& samples, const Pixel* all, float* images) const;

  const Dataset& dataset_;
  const torch::Device device_;
  const std::shared_ptr<const LabelledImages> copy_;  // On the device; null on the CPU. Shared with others who use the same data.
  const int64_t batch_size_;
  const std::vector<int64_t> order_;  // Empty: the data set's own order.
  const Augmentation augmentation_;
};

}  // namespace torch_rnn_mnist
