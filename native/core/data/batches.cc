#include "native/core/data/batches.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "native/core/data/affine.h"
#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

// As ScaleImages.
void ScalePixels(const uint8_t* bytes, int64_t count, float* scaled) {
  for (int64_t pixel = 0; pixel < count; ++pixel) scaled[pixel] = static_cast<float>(bytes[pixel]) / kByteMax;
}
void ScalePixels(const float* floats, int64_t count, float* scaled) { std::copy_n(floats, count, scaled); }

}  // namespace

Batches::Batches(const Dataset& dataset, torch::Device device, int64_t batch_size, std::vector<int64_t> order,
                 const Augmentation& augmentation)
    : dataset_(dataset),
      device_(device),
      copy_(device.is_cpu() ? nullptr : dataset.storage().On(device)),
      batch_size_(batch_size),
      order_(std::move(order)),
      augmentation_(augmentation) {
  if (!dataset.has_lengths() || augmentation.ChangesNothing()) return;
  throw Error(kInvalidOption, "Sequences of different length cannot be augmented as images are.");
}

Batch Batches::Get(int64_t index) const {
  const int64_t first = index * batch_size_;
  std::vector<int64_t> samples(static_cast<size_t>(std::min(batch_size_, dataset_.size() - first)));
  for (size_t i = 0; i < samples.size(); ++i) {
    const size_t sample = static_cast<size_t>(first) + i;
    samples[i] = order_.empty() ? static_cast<int64_t>(sample) : order_[sample];
  }
  return Gather(samples);
}

Batch Batches::Gather(const std::vector<int64_t>& samples) const {
  Batch batch = device_.is_cpu() ? GatherOnCpu(samples) : GatherOnDevice(samples);
  if (dataset_.has_lengths()) batch.lengths = LengthsOf(samples);
  return batch;
}

torch::Tensor Batches::LengthsOf(const std::vector<int64_t>& samples) const {
  const auto* all = dataset_.storage().cpu().lengths.const_data_ptr<int32_t>();
  torch::Tensor lengths = torch::empty({static_cast<int64_t>(samples.size())}, torch::kInt64);
  std::transform(samples.begin(), samples.end(), lengths.mutable_data_ptr<int64_t>(),
                 [&](int64_t sample) { return all[dataset_.Position(sample)]; });
  return lengths;
}

Batch Batches::GatherOnDevice(const std::vector<int64_t>& samples) const {
  std::vector<int64_t> positions(samples.size());
  std::transform(samples.begin(), samples.end(), positions.begin(), [&](int64_t sample) { return dataset_.Position(sample); });
  const torch::Tensor indices = torch::tensor(positions, torch::kInt64).to(device_);
  Batch batch{ScaleImages(copy_->images.index_select(0, indices)), copy_->labels.index_select(0, indices).to(torch::kInt64)};
  if (augmentation_.ChangesNothing()) return batch;
  std::vector<SourceMap> maps(samples.size());
  std::transform(samples.begin(), samples.end(), maps.begin(), [&](int64_t sample) { return SourceOf(augmentation_.Draw(sample)); });
  batch.images = ReadAffine(batch.images, maps);
  return batch;
}

// One pass from bytes to scaled floats. libtorch's operations would take four passes, and start threads for little work.
Batch Batches::GatherOnCpu(const std::vector<int64_t>& samples) const {
  const LabelledImages& data = dataset_.storage().cpu();
  const auto count = static_cast<int64_t>(samples.size());
  Batch batch{torch::empty({count, data.images.size(1), data.images.size(2)}, torch::kFloat32), torch::empty({count}, torch::kInt64)};
  const auto* all_labels = data.labels.const_data_ptr<uint8_t>();
  std::transform(samples.begin(), samples.end(), batch.labels.mutable_data_ptr<int64_t>(),
                 [&](int64_t sample) { return all_labels[dataset_.Position(sample)]; });
  auto* images = batch.images.mutable_data_ptr<float>();
  if (data.images.scalar_type() == torch::kFloat32) {
    CopyImages(samples, data.images.const_data_ptr<float>(), images);
  } else {
    CopyImages(samples, data.images.const_data_ptr<uint8_t>(), images);
  }
  return batch;
}

template <typename Pixel>
void Batches::CopyImages(const std::vector<int64_t>& samples, const Pixel* all, float* images) const {
  const int64_t rows = dataset_.storage().cpu().images.size(1);
  const int64_t columns = dataset_.features();
  std::optional<AffineSource> source;
  if (!augmentation_.ChangesNothing()) source.emplace(rows, columns);
  for (const int64_t sample : samples) {
    const Pixel* image = all + dataset_.Position(sample) * rows * columns;
    if (source) {
      for (int64_t row = 0; row < rows; ++row) ScalePixels(image + row * columns, columns, source->Row(row));
      source->Read(SourceOf(augmentation_.Draw(sample)), images);
    } else {
      ScalePixels(image, rows * columns, images);
    }
    images += rows * columns;
  }
}

}  // namespace torch_rnn_mnist
