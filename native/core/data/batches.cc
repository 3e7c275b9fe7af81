#include "native/core/data/batches.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace torch_rnn_mnist {

Batches::Batches(const Dataset& dataset, torch::Device device, int64_t batch_size) : Batches(dataset, device, batch_size, {}) {}

Batches::Batches(const Dataset& dataset, torch::Device device, int64_t batch_size, std::vector<int64_t> order)
    : dataset_(dataset),
      device_(device),
      copy_(device.is_cpu() ? nullptr : dataset.storage().On(device)),
      batch_size_(batch_size),
      order_(std::move(order)) {}

Batch Batches::Get(int64_t index) const {
  const int64_t first = index * batch_size_;
  std::vector<int64_t> positions(static_cast<size_t>(std::min(batch_size_, dataset_.size() - first)));
  for (size_t i = 0; i < positions.size(); ++i) {
    const size_t sample = static_cast<size_t>(first) + i;
    positions[i] = dataset_.Position(order_.empty() ? static_cast<int64_t>(sample) : order_[sample]);
  }
  if (device_.is_cpu()) return GatherOnCpu(positions);
  const torch::Tensor indices = torch::tensor(positions, torch::kInt64).to(device_);
  return {ScaleImages(copy_->images.index_select(0, indices)), copy_->labels.index_select(0, indices).to(torch::kInt64)};
}

// One pass from bytes to scaled floats. libtorch's operations would take four passes, and start threads for little work.
Batch Batches::GatherOnCpu(const std::vector<int64_t>& positions) const {
  const LabelledImages& data = dataset_.storage().cpu();
  const auto count = static_cast<int64_t>(positions.size());
  const int64_t pixels = data.images.size(1) * data.images.size(2);
  Batch batch{torch::empty({count, data.images.size(1), data.images.size(2)}, torch::kFloat32), torch::empty({count}, torch::kInt64)};
  auto* images = batch.images.mutable_data_ptr<float>();
  auto* labels = batch.labels.mutable_data_ptr<int64_t>();
  const auto* all_labels = data.labels.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t position = positions[static_cast<size_t>(i)];
    labels[i] = all_labels[position];
    float* image = images + i * pixels;
    if (data.images.scalar_type() == torch::kFloat32) {
      std::memcpy(image, data.images.const_data_ptr<float>() + position * pixels, static_cast<size_t>(pixels) * sizeof(float));
    } else {
      const uint8_t* bytes = data.images.const_data_ptr<uint8_t>() + position * pixels;
      for (int64_t pixel = 0; pixel < pixels; ++pixel) image[pixel] = static_cast<float>(bytes[pixel]) / kByteMax;
    }
  }
  return batch;
}

}  // namespace torch_rnn_mnist
