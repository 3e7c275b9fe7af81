#include "native/core/data/augmentation.h"

#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include "native/core/data/batches.h"
#include "native/core/runtime/random.h"
#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr AugmentationOptions kOptions{.shift = 2, .rotation = 10, .scale = 0.1, .shear = 5, .flip = 0.5};
constexpr uint64_t kSeed = 1;

std::vector<double> NumbersOf(const AffineTransform& transform) {
  return {transform.rotation, transform.shift_x, transform.shift_y, transform.scale, transform.shear};
}

std::vector<int64_t> Range(int64_t count) {
  std::vector<int64_t> samples(static_cast<size_t>(count));
  std::iota(samples.begin(), samples.end(), 0);
  return samples;
}

TEST(DrawsFollowTheirDefinition) {
  const Augmentation augmentation(kOptions, /*seed=*/7, /*epoch=*/3);
  for (const int64_t sample : {int64_t{0}, int64_t{1}, int64_t{59999}}) {
    const auto numbers = UniformNumbers(7, RandomPurpose::kAugment, 3, static_cast<uint64_t>(sample));
    const std::vector<double> expected = {10 * numbers[0], 2 * numbers[1], 2 * numbers[2], 1 + 0.1 * numbers[3], 5 * numbers[4]};
    REQUIRE_EQ(NumbersOf(augmentation.Draw(sample)), expected);
  }
}

TEST(FlipDrawsASixthNumberAndLeavesTheOthers) {
  constexpr int64_t kCount = 20000;
  const auto flips_of = [&](double probability) {
    AugmentationOptions options = kOptions;
    options.flip = probability;
    const Augmentation augmentation(options, /*seed=*/7, /*epoch=*/3);
    const Augmentation same(kOptions, /*seed=*/7, /*epoch=*/3);
    torch::Tensor flips = torch::empty({kCount}, torch::kFloat64);
    for (int64_t sample = 0; sample < kCount; ++sample) {
      const AffineTransform drawn = augmentation.Draw(sample);
      REQUIRE_EQ(NumbersOf(drawn), NumbersOf(same.Draw(sample)));
      REQUIRE_EQ(drawn.flip, (UniformNumbers(7, RandomPurpose::kAugment, 3, static_cast<uint64_t>(sample))[5] + 1) / 2 < probability);
      flips[sample] = drawn.flip ? 1 : 0;
    }
    return flips;
  };
  REQUIRE_EQ(flips_of(0).sum().item<double>(), 0);
  REQUIRE_EQ(flips_of(1).sum().item<double>(), kCount);
  const torch::Tensor half = flips_of(0.5);
  // Five standard errors each: of a share, and of the correlation of neighbouring samples.
  REQUIRE_NEAR(half.mean().item<double>(), 0.5, 0.018);
  REQUIRE_NEAR(flips_of(0.1).mean().item<double>(), 0.1, 0.011);
  REQUIRE_NEAR(torch::corrcoef(torch::stack({half.slice(0, 1), half.slice(0, 0, -1)}))[0][1].item<double>(), 0, 0.036);
}

TEST(DrawsAreUniformInTheirRangesAndIndependent) {
  constexpr int64_t kCount = 20000;
  const Augmentation augmentation({.shift = 1, .rotation = 1, .scale = 0.5, .shear = 1}, kSeed, /*epoch=*/0);
  torch::Tensor drawn = torch::empty({kCount, 5}, torch::kFloat64);
  for (int64_t sample = 0; sample < kCount; ++sample) drawn[sample] = torch::tensor(NumbersOf(augmentation.Draw(sample)), torch::kFloat64);
  drawn.select(1, 3).sub_(1).mul_(2);  // The scale, to the same range as the others.
  REQUIRE(drawn.abs().max().item<double>() < 1);
  REQUIRE(drawn.amax(0).min().item<double>() > 0.999);
  REQUIRE(drawn.amin(0).max().item<double>() < -0.999);
  // Standard errors of 20,000 draws: 0.0041 for a mean, 0.0021 for a mean square, 0.0071 for a correlation. Five of them each.
  REQUIRE_CLOSE(drawn.mean(0), torch::zeros({5}), 0.02, 0);
  REQUIRE_CLOSE(drawn.square().mean(0), torch::full({5}, 1.0 / 3), 0.011, 0);
  REQUIRE_CLOSE(torch::corrcoef(drawn.t()), torch::eye(5), 0.036, 0);
  const torch::Tensor beside = torch::cat({drawn.slice(0, 1), drawn.slice(0, 0, -1)}, 1);
  REQUIRE_CLOSE(torch::corrcoef(beside.t()).slice(0, 0, 5).slice(1, 5), torch::zeros({5, 5}), 0.036, 0);  // Of neighbouring samples.
}

TEST(DrawsDifferBySeedEpochAndSample) {
  std::set<double> rotations;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, (uint64_t{1} << 53) - 1}) {
    for (const uint64_t epoch : {uint64_t{0}, uint64_t{1}, static_cast<uint64_t>(kMaxEpoch)}) {
      for (const int64_t sample : {int64_t{0}, int64_t{1}, int64_t{1} << 32}) {
        rotations.insert(Augmentation(kOptions, seed, epoch).Draw(sample).rotation);
      }
    }
  }
  REQUIRE_EQ(rotations.size(), 27);
}

TEST(WrongOptionsAreRefused) {
  for (const AugmentationOptions& wrong : {AugmentationOptions{.shift = -1},
                                           {.shift = 1001},
                                           {.rotation = 181},
                                           {.scale = 0.91},
                                           {.shear = 81},
                                           {.flip = 1.01},
                                           {.flip = -0.01},
                                           {.shift = std::nan("")},
                                           {.rotation = INFINITY}}) {
    REQUIRE_THROWS(kInvalidArgument, Augmentation(wrong, kSeed, 0));
  }
  const Error error = REQUIRE_THROWS(kInvalidArgument, Augmentation({.scale = 1.5}, kSeed, 0));
  REQUIRE_EQ(std::string(error.what()), std::string("Expected a number from 0 to 0.9 for the augmentation's scale but received 1.5."));
}

TEST(OptionsOfZeroGiveTheImagesThemselves) {
  const auto data = sample::Data(8);
  REQUIRE(Augmentation({}, kSeed, 0).ChangesNothing());
  const Batches batches(*data, torch::kCPU, 8, {}, Augmentation({}, kSeed, 0));
  REQUIRE_SAME(batches.Get(0).images, ScaleImages(sample::Images(8)));
}

TEST(FlipAloneMirrorsTheImagesBitForBit) {
  const auto data = sample::Data(50);
  const torch::Tensor images = ScaleImages(sample::Images(50));
  REQUIRE_SAME(Batches(*data, torch::kCPU, 50, {}, Augmentation({.flip = 1}, kSeed, 0)).Get(0).images, images.flip({2}));
  const Augmentation half({.flip = 0.5}, kSeed, 0);
  const torch::Tensor some = Batches(*data, torch::kCPU, 50, {}, half).Get(0).images;
  for (const int64_t sample : Range(50)) {
    REQUIRE_SAME(some[sample], half.Draw(sample).flip ? images[sample].flip({1}) : images[sample]);
  }
}

TEST(SampleLooksTheSameInAnyBatchAndOrder) {
  const auto data = sample::Data(50);
  const Augmentation augmentation(kOptions, kSeed, /*epoch=*/2);
  const Batch all = Batches(*data, torch::kCPU, 50, {}, augmentation).Get(0);
  REQUIRE(!torch::equal(all.images, ScaleImages(sample::Images(50))));
  const std::vector<int64_t> order = ShuffledOrder(kSeed, 2, 50);
  const Batches shuffled(*data, torch::kCPU, 8, order, augmentation);
  for (int64_t index = 0; index < shuffled.count(); ++index) {
    const std::vector<int64_t> samples(order.begin() + index * 8, order.begin() + std::min<int64_t>(index * 8 + 8, 50));
    const torch::Tensor indices = torch::tensor(samples, torch::kInt64);
    const Batch batch = shuffled.Get(index);
    REQUIRE_SAME(batch.images, all.images.index_select(0, indices));
    REQUIRE_SAME(batch.labels, all.labels.index_select(0, indices));
    REQUIRE_SAME(shuffled.Gather(samples).images, batch.images);
  }
}

TEST(BatchesChangeEachImageByItsDraw) {
  const auto data = sample::Data(6);
  const Augmentation augmentation(kOptions, kSeed, 0);
  const torch::Tensor images = ScaleImages(sample::Images(6));
  std::vector<SourceMap> maps;
  for (const int64_t sample : Range(6)) maps.push_back(SourceOf(augmentation.Draw(sample)));
  // libtorch's grid_sample, whose positions are float32.
  REQUIRE_CLOSE(Batches(*data, torch::kCPU, 6, {}, augmentation).Get(0).images, ReadAffine(images, maps), 1e-5, 0);
}

TEST(ViewsCountTheirOwnSamples) {
  // The second sample of a view changes as the second sample of any data set does, whatever its position in the storage.
  const std::vector<int64_t> positions = {7, 0, 4};
  const Dataset view(sample::Storage(sample::Images(8), sample::Labels(8)), positions);
  const torch::Tensor indices = torch::tensor(positions, torch::kInt64);
  const auto copied = sample::DataOf(sample::Images(8).index_select(0, indices), sample::Labels(8).index_select(0, indices));
  const Augmentation augmentation(kOptions, kSeed, 0);
  REQUIRE_SAME(Batches(view, torch::kCPU, 3, {}, augmentation).Get(0).images,
               Batches(*copied, torch::kCPU, 3, {}, augmentation).Get(0).images);
}

TEST(FloatsChangeAsBytesDo) {
  const auto bytes = sample::Data(5);
  const auto floats = sample::DataOf(ScaleImages(sample::Images(5)), sample::Labels(5));
  const Augmentation augmentation(kOptions, kSeed, 0);
  REQUIRE_SAME(Batches(*floats, torch::kCPU, 5, {}, augmentation).Get(0).images,
               Batches(*bytes, torch::kCPU, 5, {}, augmentation).Get(0).images);
}

// The range of a whole epoch or of a part of it, augmented.
BatchRange Augmented(const Dataset& data, const sample::Epoch& epoch, int64_t first = 0, int64_t last = -1) {
  BatchRange range = sample::Batches(data, epoch, first, last);
  range.augmentation = kOptions;
  return range;
}

ENGINE_TEST(TrainingSeesTheAugmentedImagesOfEachEpoch) {
  const auto data = sample::Data(20);
  ImageRnn model(sample::Options(kSeed));
  ImageRnn expected(sample::Options(kSeed));
  sample::Training training(model);
  sample::Training by_hand(expected);
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}}) {
    const sample::Epoch epoch{.batch_size = 6, .shuffle = true, .number = number};
    training.trainer().Run(data, Augmented(*data, epoch), sample::NoStop(), {});
    const torch::Tensor images = Batches(*data, torch::kCPU, 20, {}, Augmentation(kOptions, kSeed, number)).Get(0).images;
    by_hand.RunEpoch(sample::DataOf(images, sample::Labels(20)), epoch);
    REQUIRE_SAME(model.values().flat(), expected.values().flat());
  }
}

ENGINE_TEST(AugmentedEpochGoesOnFromAnyBatchBitForBit) {
  const auto data = sample::Data(20);
  const sample::Epoch epoch{.batch_size = 6, .shuffle = true};
  ImageRnn whole(sample::Options());
  sample::Training(whole).trainer().Run(data, Augmented(*data, epoch), sample::NoStop(), {});
  ImageRnn first(sample::Options());
  ImageRnn second(sample::Options());
  sample::Training before(first);
  sample::Training after(second);
  before.trainer().Run(data, Augmented(*data, epoch, 0, 2), sample::NoStop(), {});
  after.trainer().Load(before.trainer().Copy());
  after.trainer().Run(data, Augmented(*data, epoch, 2), sample::NoStop(), {});
  REQUIRE_SAME(second.values().flat(), whole.values().flat());
}

TEST(RangesOfOneEpochMayDifferInAugmentation) {
  const auto data = sample::Data(12);
  const sample::Epoch epoch{.batch_size = 6};
  ImageRnn model(sample::Options());
  sample::Training training(model);
  training.trainer().Run(data, Augmented(*data, epoch, 0, 1), sample::NoStop(), {});
  training.trainer().Run(data, sample::Batches(*data, epoch, 1), sample::NoStop(),
                         {});  // The batches that were cut must not be used again.
  ImageRnn expected(sample::Options());
  sample::Training by_hand(expected);
  const torch::Tensor images = Batches(*data, torch::kCPU, 6, {}, Augmentation(kOptions, kSeed, 0)).Get(0).images;
  const auto mixed = sample::DataOf(torch::cat({images, ScaleImages(sample::Images(12).slice(0, 6))}), sample::Labels(12));
  by_hand.RunEpoch(mixed, epoch);
  REQUIRE_SAME(model.values().flat(), expected.values().flat());
}

}  // namespace
}  // namespace torch_rnn_mnist
