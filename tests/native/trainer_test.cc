#include "native/core/training/trainer.h"

#include <stdexcept>
#include <vector>

#include "native/core/inference/evaluation.h"
#include "native/core/runtime/random.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

EpochOptions Options(int64_t batch_size, bool shuffle = false, int64_t log_interval = 1) {
  EpochOptions options;
  options.batch_size = batch_size;
  options.shuffle = shuffle;
  options.log_interval = log_interval;
  return options;
}

OptimizerOptions WithoutLearning() {
  OptimizerOptions options;
  options.learning_rate = 0;
  return options;
}

void CheckSameState(const ImageRnn& actual, const ImageRnn& expected) {
  const StateDict got = actual.CopyState();
  const StateDict want = expected.CopyState();
  for (size_t i = 0; i < want.size(); ++i) REQUIRE_SAME(got[i].second, want[i].second);
}

// Trains a fresh model for one epoch and returns the reports.
std::vector<TrainProgress> Train(ImageRnn& model, const Dataset& data, const EpochOptions& options, uint64_t epoch = 0) {
  std::vector<TrainProgress> reports;
  Trainer trainer(model, OptimizerOptions());
  trainer.RunEpoch(data, epoch, options, StopSignal(), [&](const TrainProgress& progress) { reports.push_back(progress); });
  return reports;
}

// Loss and hits of each sample, written out in double precision.
struct SampleFigures {
  torch::Tensor losses;
  torch::Tensor hits;
};
SampleFigures FiguresByHand(ImageRnn& model, int64_t count) {
  const torch::Tensor logits = Infer(model, sample::Images(count), StopSignal()).to(torch::kFloat64);
  const torch::Tensor labels = sample::Labels(count);
  const torch::Tensor log_sums = logits.exp().sum(/*dim=*/1).log();
  return {log_sums - logits.gather(1, labels.view({count, 1})).view({count}), logits.argmax(1).eq(labels).to(torch::kFloat64)};
}

TEST(MeansAreOverSamplesAndTheLastSmallerBatchCounts) {
  constexpr int64_t kCount = 10;
  constexpr double kRounding = 1e-6;  // The trainer computes each batch's loss in float32.
  ImageRnn model(sample::Options());
  const Dataset data = sample::Data(kCount);
  const SampleFigures by_hand = FiguresByHand(model, kCount);
  std::vector<TrainProgress> reports;
  Trainer trainer(model, WithoutLearning());
  const EpochResult result = trainer.RunEpoch(data, /*epoch=*/0, Options(/*batch_size=*/4), StopSignal(),
                                              [&](const TrainProgress& progress) { reports.push_back(progress); });
  REQUIRE_EQ(reports.size(), 3);
  const int64_t seen[] = {4, 8, 10};
  for (int64_t i = 0; i < 3; ++i) {
    const TrainProgress& report = reports[static_cast<size_t>(i)];
    REQUIRE_EQ(report.batch, i + 1);
    REQUIRE_EQ(report.batches, 3);
    REQUIRE_EQ(report.samples, seen[i]);
    REQUIRE_NEAR(report.batch_loss, by_hand.losses.slice(0, i * 4, seen[i]).mean().item<double>(), kRounding);
    REQUIRE_NEAR(report.loss, by_hand.losses.slice(0, 0, seen[i]).mean().item<double>(), kRounding);
    REQUIRE_NEAR(report.accuracy, by_hand.hits.slice(0, 0, seen[i]).mean().item<double>(), 1e-12);
    REQUIRE(report.seconds >= 0 && report.seconds <= result.progress.seconds);
  }
  REQUIRE(result.completed);
  REQUIRE_EQ(result.progress.samples, kCount);
  REQUIRE_EQ(result.progress.loss, reports.back().loss);
  REQUIRE_EQ(result.progress.accuracy, reports.back().accuracy);
}

TEST(ReportsComeAtTheIntervalAndAtTheEnd) {
  ImageRnn model(sample::Options());
  const Dataset data = sample::Data(10);
  const auto batches_of = [&](int64_t batch_size, int64_t log_interval) {
    std::vector<int64_t> batches;
    for (const TrainProgress& report : Train(model, data, Options(batch_size, false, log_interval))) batches.push_back(report.batch);
    return batches;
  };
  REQUIRE_EQ(batches_of(2, 2), (std::vector<int64_t>{2, 4, 5}));
  REQUIRE_EQ(batches_of(1, 5), (std::vector<int64_t>{5, 10}));
  REQUIRE_EQ(batches_of(5, 100), (std::vector<int64_t>{2}));
  REQUIRE_EQ(batches_of(100, 1), (std::vector<int64_t>{1}));
}

TEST(ReportsDoNotChangeTheTraining) {
  const Dataset data = sample::Data(10);
  ImageRnn reported(sample::Options());
  const std::vector<TrainProgress> reports = Train(reported, data, Options(3));
  ImageRnn silent(sample::Options());
  Trainer trainer(silent, OptimizerOptions());
  const EpochResult result = trainer.RunEpoch(data, 0, Options(3), StopSignal(), {});
  CheckSameState(silent, reported);
  REQUIRE_EQ(result.progress.loss, reports.back().loss);
  REQUIRE_EQ(result.progress.batch, 4);
}

// Adam's first step: every parameter moves by learning rate * g / (|g| + epsilon).
TEST(FirstUpdateIsAdams) {
  ImageRnn model(sample::Options());
  ImageRnn before(sample::Options());
  const Dataset data = sample::Data(10);
  OptimizerOptions options;
  options.learning_rate = 0.01;
  Trainer trainer(model, options);
  trainer.RunEpoch(data, 0, Options(/*batch_size=*/10), StopSignal(), {});
  const auto moved = model.named_parameters();
  for (const auto& parameter : before.named_parameters()) {
    const torch::Tensor gradient = moved[parameter.key()].grad();
    const torch::Tensor expected = parameter.value() - 0.01 * gradient / (gradient.abs() + 1e-8);
    // The moments are kept in float32 and bias-corrected: a few roundings of a step of 0.01, on a value below 2.
    REQUIRE_CLOSE(moved[parameter.key()], expected, /*atol=*/1e-6, /*rtol=*/0);
  }
}

TEST(ShuffledTrainingVisitsTheSamplesInShuffledOrder) {
  constexpr int64_t kCount = 20;
  for (const uint64_t epoch : {uint64_t{0}, uint64_t{3}}) {
    ImageRnn shuffled(sample::Options(/*seed=*/5));
    Train(shuffled, sample::Data(kCount), Options(6, /*shuffle=*/true), epoch);
    const torch::Tensor order = torch::tensor(ShuffledOrder(/*seed=*/5, epoch, kCount), torch::kInt64);
    const Dataset permuted(sample::Images(kCount).index_select(0, order), sample::Labels(kCount).index_select(0, order));
    ImageRnn in_order(sample::Options(/*seed=*/5));
    Train(in_order, permuted, Options(6, /*shuffle=*/false), epoch);
    CheckSameState(shuffled, in_order);
  }
}

TEST(SameSeedGivesTheSameLossesBitForBit) {
  const Dataset data = sample::Data(50);
  const auto losses = [&] {
    ImageRnn model(sample::Options());
    std::vector<double> values;
    for (const TrainProgress& report : Train(model, data, Options(8, /*shuffle=*/true))) values.push_back(report.batch_loss);
    return values;
  };
  REQUIRE_EQ(losses(), losses());
}

TEST(BytesAndScaledFloatsTrainAlike) {
  ImageRnn bytes(sample::Options());
  Train(bytes, sample::Data(10), Options(4));
  ImageRnn floats(sample::Options());
  Train(floats, Dataset(ScaleImages(sample::Images(10)), sample::Labels(10)), Options(4));
  CheckSameState(floats, bytes);
}

TEST(StopEndsTheEpochAfterTheRunningBatch) {
  constexpr int64_t kBatch = 3;
  ImageRnn stopped(sample::Options());
  StopSignal stop;
  Trainer trainer(stopped, OptimizerOptions());
  const EpochResult result = trainer.RunEpoch(sample::Data(10), 0, Options(kBatch), stop, [&](const TrainProgress& progress) {
    if (progress.batch == 2) stop.Request();
  });
  REQUIRE(!result.completed);
  REQUIRE_EQ(result.progress.batch, 2);
  REQUIRE_EQ(result.progress.batches, 4);
  REQUIRE_EQ(result.progress.samples, 2 * kBatch);

  ImageRnn only_two_batches(sample::Options());
  const std::vector<TrainProgress> reports = Train(only_two_batches, sample::Data(2 * kBatch), Options(kBatch));
  CheckSameState(stopped, only_two_batches);
  REQUIRE_EQ(result.progress.loss, reports.back().loss);
}

TEST(StopDuringTheLastBatchStillCompletesTheEpoch) {
  ImageRnn model(sample::Options());
  StopSignal stop;
  Trainer trainer(model, OptimizerOptions());
  REQUIRE(trainer.RunEpoch(sample::Data(4), 0, Options(4), stop, [&](const TrainProgress&) { stop.Request(); }).completed);
}

TEST(StopBeforeTheFirstBatchChangesNothing) {
  ImageRnn model(sample::Options());
  StopSignal stop;
  stop.Request();
  Trainer trainer(model, OptimizerOptions());
  int reports = 0;
  const EpochResult result = trainer.RunEpoch(sample::Data(4), 0, Options(4), stop, [&](const TrainProgress&) { ++reports; });
  REQUIRE(!result.completed);
  REQUIRE_EQ(reports, 0);
  REQUIRE_EQ(result.progress.batch, 0);
  REQUIRE_EQ(result.progress.samples, 0);
  REQUIRE_EQ(result.progress.loss, 0.0);
  CheckSameState(model, ImageRnn(sample::Options()));
}

TEST(ThrowingCallbackEndsTheEpochAfterItsBatch) {
  ImageRnn model(sample::Options());
  Trainer trainer(model, OptimizerOptions());
  const Dataset data = sample::Data(10);
  REQUIRE_THROWS(kInvalidArgument, trainer.RunEpoch(data, 0, Options(5), StopSignal(),
                                                    [](const TrainProgress&) { throw Error(kInvalidArgument, "from the callback"); }));
  ImageRnn one_batch(sample::Options());
  Train(one_batch, sample::Data(5), Options(5));
  CheckSameState(model, one_batch);
  REQUIRE(trainer.RunEpoch(data, 1, Options(5), StopSignal(), {}).completed);  // The trainer can go on.
}

TEST(DatasetThatDoesNotFitIsRefusedBeforeTheFirstBatch) {
  ImageRnn model(sample::Options());
  Trainer trainer(model, OptimizerOptions());
  const Dataset wide(torch::zeros({4, 4, 6}), sample::Labels(4));
  REQUIRE_THROWS(kInvalidShape, trainer.RunEpoch(wide, 0, Options(2), StopSignal(), {}));
  const Dataset many_classes(sample::Images(4), torch::tensor({0, 1, 2, 3}, torch::kInt64));
  REQUIRE_THROWS(kInvalidData, trainer.RunEpoch(many_classes, 0, Options(2), StopSignal(), {}));
  CheckSameState(model, ImageRnn(sample::Options()));
}

TEST(TrainingLearns) {
  ImageRnn model(sample::Options());
  OptimizerOptions optimizer;
  optimizer.learning_rate = 0.01;
  Trainer trainer(model, optimizer);
  constexpr int64_t kCount = 30;
  const torch::Tensor labels = sample::Labels(kCount);
  const torch::Tensor brightness = (labels * 100).to(torch::kUInt8);  // An easy task: it tells the class.
  const Dataset data(brightness.view({kCount, 1, 1}).expand({kCount, sample::kRows, sample::kColumns}).contiguous(), labels);
  for (uint64_t epoch = 0; epoch < 50; ++epoch) trainer.RunEpoch(data, epoch, Options(10, /*shuffle=*/true), StopSignal(), {});
  REQUIRE_EQ(Evaluate(model, data, kCount, StopSignal()).confusion.trace().item<int64_t>(), kCount);
}

}  // namespace
}  // namespace torch_rnn_mnist
