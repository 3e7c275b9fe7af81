#include "native/core/data/dataset.h"

#include <string>

#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

TEST(DatasetKnowsItsSizes) {
  const Dataset data = sample::Data(8);
  REQUIRE_EQ(data.size(), 8);
  REQUIRE_EQ(data.features(), sample::kColumns);
  REQUIRE_EQ(data.max_label(), 2);
  REQUIRE_EQ(data.bytes(), 8 * 4 * 5 + 8 * 8);  // One byte a pixel, eight a label.
  REQUIRE_EQ(Dataset(sample::Images(8).to(torch::kFloat32), sample::Labels(8)).bytes(), 8 * 4 * 5 * 4 + 8 * 8);
}

TEST(DatasetOnTheCpuIsNotCopied) {
  const torch::Tensor images = sample::Images(8);
  const Dataset data(images, sample::Labels(8));
  REQUIRE(data.On(torch::kCPU).images.data_ptr() == images.data_ptr());
}

TEST(ImagesOfAnotherShapeAreRefused) {
  REQUIRE_THROWS(kInvalidShape, Dataset(torch::zeros({4, 5}), sample::Labels(4)));
  REQUIRE_THROWS(kInvalidShape, Dataset(torch::zeros({4, 1, 5, 5}), sample::Labels(4)));
  REQUIRE_THROWS(kInvalidShape, Dataset(torch::zeros({0, 4, 5}), sample::Labels(0)));
  REQUIRE_THROWS(kInvalidShape, Dataset(torch::zeros({4, 0, 5}), sample::Labels(4)));
  REQUIRE_THROWS(kInvalidShape, Dataset(torch::zeros({4, 5, 0}), sample::Labels(4)));
}

TEST(LabelsThatDoNotFitTheImagesAreRefused) {
  const Error error = REQUIRE_THROWS(kInvalidShape, Dataset(sample::Images(4), sample::Labels(3)));
  REQUIRE_EQ(std::string(error.what()), std::string("Expected one label for each of the 4 images but received 3."));
  REQUIRE_THROWS(kInvalidShape, Dataset(sample::Images(4), sample::Labels(5)));
  REQUIRE_THROWS(kInvalidShape, Dataset(sample::Images(4), sample::Labels(4).view({2, 2})));
}

TEST(NegativeLabelsAreRefused) { REQUIRE_THROWS(kInvalidData, Dataset(sample::Images(3), torch::tensor({0, -1, 2}, torch::kInt64))); }

TEST(DatasetOfAnotherKindDoesNotFitAModel) {
  const Dataset data = sample::Data(8);
  CheckDatasetFits(data, sample::kColumns, sample::kClasses);
  CheckDatasetFits(data, sample::kColumns, sample::kClasses + 1);
  const Error columns = REQUIRE_THROWS(kInvalidShape, CheckDatasetFits(data, 28, sample::kClasses));
  REQUIRE_EQ(std::string(columns.what()), std::string("Expected images with 28 columns (the model's inputSize) but received 5."));
  const Error labels = REQUIRE_THROWS(kInvalidData, CheckDatasetFits(data, sample::kColumns, 2));
  REQUIRE_EQ(std::string(labels.what()), std::string("Expected labels from 0 to 1 (the model's numClasses) but found 2."));
}

TEST(BytesAreDividedBy255) {
  const torch::Tensor bytes = torch::arange(256).to(torch::kUInt8);
  const torch::Tensor scaled = ScaleImages(bytes);
  REQUIRE_EQ(scaled.scalar_type(), torch::kFloat32);
  for (int64_t byte = 0; byte < 256; ++byte) {
    // Exactly: as numpy and PyTorch divide.
    REQUIRE_EQ(scaled[byte].item<float>(), static_cast<float>(byte) / 255.0F);
  }
  REQUIRE_SAME(bytes, torch::arange(256).to(torch::kUInt8));  // The bytes stay as they were.
}

TEST(FloatsAreUsedAsTheyAre) {
  const torch::Tensor floats = torch::tensor({-1.5F, 0.0F, 255.0F});
  REQUIRE(ScaleImages(floats).data_ptr() == floats.data_ptr());
}

}  // namespace
}  // namespace torch_rnn_mnist
