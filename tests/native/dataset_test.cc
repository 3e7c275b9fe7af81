#include "native/core/data/dataset.h"

#include <memory>
#include <string>
#include <vector>

#include "native/core/data/batches.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

TEST(DatasetKnowsItsSizes) {
  const auto data = sample::Data(8);
  REQUIRE_EQ(data->size(), 8);
  REQUIRE_EQ(data->features(), sample::kColumns);
  REQUIRE_EQ(data->max_label(), 2);
}

TEST(DatasetOnTheCpuIsNotCopied) {
  const torch::Tensor images = sample::Images(8);
  const auto data = sample::DataOf(images, sample::Labels(8));
  REQUIRE(data->storage().cpu().images.data_ptr() == images.data_ptr());
}

TEST(CopiesOnADeviceAreSharedAndFreedByTheirLastUser) {
  // A device without memory, which every machine has.
  const torch::Device device(torch::kMeta);
  const auto data = sample::Data(8);
  auto batches = std::make_unique<const Batches>(*data, device, /*batch_size=*/4);
  std::shared_ptr<const LabelledImages> copy = data->storage().On(device);
  REQUIRE(copy->images.device() == device);
  REQUIRE_EQ(copy.use_count(), 2);  // This one, and the batches'.
  const std::weak_ptr<const LabelledImages> freed = copy;
  batches.reset();
  copy.reset();
  REQUIRE(freed.expired());  // Although the data set still lives.
  REQUIRE(data->storage().On(device)->labels.device() == device);
}

TEST(TheTwoCopiesThatWereUsedLastAreKept) {
  const torch::Device device(torch::kMeta);
  const std::vector<std::shared_ptr<const Dataset>> data = {sample::Data(2), sample::Data(3), sample::Data(4)};
  std::vector<std::weak_ptr<const LabelledImages>> copies;
  DeviceCopies kept;
  for (const size_t index : {0, 1, 0, 2}) {
    kept.Keep(data[index]->storage(), device);
    kept.Keep(data[index]->storage(), device);  // Counts once.
    copies.push_back(data[index]->storage().On(device));
  }
  REQUIRE(!copies[0].expired());  // Used again since.
  REQUIRE(copies[1].expired());
  REQUIRE(!copies[3].expired());
  kept.Clear();
  REQUIRE(copies[0].expired());
  REQUIRE(copies[3].expired());
}

TEST(StorageReleasesItsOwnerLast) {
  auto owner = std::make_shared<int>(0);
  auto storage = std::make_shared<const ImageStorage>(LabelledImages{sample::Images(3), sample::Labels(3)}, owner);
  auto view = std::make_shared<const Dataset>(storage, /*first=*/1, /*count=*/2);
  storage.reset();
  REQUIRE_EQ(owner.use_count(), 2);  // The view still needs the memory.
  view.reset();
  REQUIRE_EQ(owner.use_count(), 1);
}

TEST(ViewsShowSomeSamplesOfAStorage) {
  const auto storage = sample::Storage(sample::Images(8), sample::Labels(8));
  const Dataset range(storage, /*first=*/3, /*count=*/4);
  REQUIRE_EQ(range.size(), 4);
  REQUIRE_EQ(range.Position(0), 3);
  REQUIRE_EQ(range.Position(3), 6);
  const Dataset listed(storage, std::vector<int64_t>{7, 0, 4});
  REQUIRE_EQ(listed.size(), 3);
  REQUIRE_EQ(listed.Position(0), 7);
  REQUIRE_EQ(listed.max_label(), 1);  // Of samples 7, 0 and 4: 1, 0 and 1.
  for (const auto& positions : {std::vector<int64_t>{}, std::vector<int64_t>{8}, std::vector<int64_t>{0, -1}}) {
    REQUIRE_THROWS(kInvalidArgument, Dataset(storage, positions));
  }
  REQUIRE_THROWS(kInvalidArgument, Dataset(storage, 5, 4));
  REQUIRE_THROWS(kInvalidArgument, Dataset(storage, 0, 0));
  REQUIRE_THROWS(kInvalidArgument, Dataset(storage, -1, 2));
}

TEST(BatchesFollowViewAndOrder) {
  const torch::Tensor images = sample::Images(8);
  const Dataset view(sample::Storage(images, sample::Labels(8)), std::vector<int64_t>{7, 0, 4, 2, 5});
  const Batches in_order(view, torch::kCPU, /*batch_size=*/2);
  REQUIRE_EQ(in_order.count(), 3);
  const Batch last = in_order.Get(2);
  REQUIRE_EQ(last.size(), 1);
  REQUIRE_SAME(last.images, ScaleImages(images.narrow(0, 5, 1)));
  REQUIRE_SAME(last.labels, torch::tensor({5 % sample::kClasses}, torch::kInt64));
  const Batch shuffled = Batches(view, torch::kCPU, 2, {3, 1, 0, 2, 4}).Get(1);
  REQUIRE_SAME(shuffled.images, ScaleImages(images.index_select(0, torch::tensor({7, 4}, torch::kInt64))));
  REQUIRE_SAME(shuffled.labels, torch::tensor({7 % sample::kClasses, 4 % sample::kClasses}, torch::kInt64));
}

TEST(BatchesOfFloatsAreTheFloats) {
  const torch::Tensor floats = torch::rand({5, 3, 2}) - 0.5;
  const Dataset data(sample::Storage(floats, sample::Labels(5)));
  REQUIRE_SAME(Batches(data, torch::kCPU, 3).Get(1).images, floats.narrow(0, 3, 2));
}

TEST(ImagesOfAnotherShapeAreRefused) {
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(torch::zeros({4, 5}), sample::Labels(4)));
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(torch::zeros({4, 1, 5, 5}), sample::Labels(4)));
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(torch::zeros({0, 4, 5}), sample::Labels(0)));
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(torch::zeros({4, 0, 5}), sample::Labels(4)));
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(torch::zeros({4, 5, 0}), sample::Labels(4)));
}

TEST(LabelsThatDoNotFitTheImagesAreRefused) {
  const Error error = REQUIRE_THROWS(kInvalidShape, sample::DataOf(sample::Images(4), sample::Labels(3)));
  REQUIRE_EQ(std::string(error.what()), std::string("Expected one label for each of the 4 images but received 3."));
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(sample::Images(4), sample::Labels(5)));
  REQUIRE_THROWS(kInvalidShape, sample::DataOf(sample::Images(4), sample::Labels(4).view({2, 2})));
}

TEST(ArraysOfAnotherKindAreRefused) {
  REQUIRE_THROWS(kInvalidArgument, sample::DataOf(sample::Images(3), sample::Labels(3).to(torch::kInt64)));
  REQUIRE_THROWS(kInvalidArgument, sample::DataOf(sample::Images(3).to(torch::kFloat64), sample::Labels(3)));
  REQUIRE_THROWS(kInvalidArgument, sample::DataOf(sample::Images(3).transpose(1, 2), sample::Labels(3)));
}

TEST(DatasetOfAnotherKindDoesNotFitAModel) {
  const auto data = sample::Data(8);
  CheckDatasetFits(*data, sample::kColumns, sample::kClasses);
  CheckDatasetFits(*data, sample::kColumns, sample::kClasses + 1);
  const Error columns = REQUIRE_THROWS(kInvalidShape, CheckDatasetFits(*data, 28, sample::kClasses));
  REQUIRE_EQ(std::string(columns.what()), std::string("Expected images with 28 columns (the model's inputSize) but received 5."));
  const Error labels = REQUIRE_THROWS(kInvalidData, CheckDatasetFits(*data, sample::kColumns, 2));
  REQUIRE_EQ(std::string(labels.what()), std::string("Expected labels from 0 to 1 (the model's numClasses) but found 2."));
}

TEST(BytesAreDividedBy255) {
  const torch::Tensor bytes = torch::arange(256).to(torch::kUInt8);
  const torch::Tensor scaled = ScaleImages(bytes);
  REQUIRE_EQ(scaled.scalar_type(), torch::kFloat32);
  for (int64_t byte = 0; byte < 256; ++byte) {
    // Exactly as numpy and PyTorch divide.
    REQUIRE_EQ(scaled[byte].item<float>(), static_cast<float>(byte) / 255.0F);
  }
  REQUIRE_SAME(bytes, torch::arange(256).to(torch::kUInt8));  // The bytes stay unchanged.
}

TEST(FloatsAreUsedAsTheyAre) {
  const torch::Tensor floats = torch::tensor({-1.5F, 0.0F, 255.0F});
  REQUIRE(ScaleImages(floats).data_ptr() == floats.data_ptr());
}

}  // namespace
}  // namespace torch_rnn_mnist
