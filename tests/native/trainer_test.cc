#include "native/core/training/trainer.h"

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "native/core/runtime/random.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

using sample::Epoch;
using sample::Training;

void CheckSameState(ImageRnn& actual, ImageRnn& expected) {
  const StateDict got = actual.values().Copy();
  const StateDict want = expected.values().Copy();
  REQUIRE_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) REQUIRE_SAME(got[i].second, want[i].second);
}

void CheckUntouched(ImageRnn& model) {
  ImageRnn fresh(sample::Options());
  CheckSameState(model, fresh);
}

// Trains from a fresh start for one epoch and returns the reports.
std::vector<TrainProgress> Train(ImageRnn& model, const std::shared_ptr<const Dataset>& data, const Epoch& epoch) {
  std::vector<TrainProgress> reports;
  Training(model).RunEpoch(data, epoch, [&](const TrainProgress& progress) { reports.push_back(progress); });
  return reports;
}

// Loss and hits of each sample, written out in double precision.
struct SampleFigures {
  torch::Tensor losses;
  torch::Tensor hits;
};
SampleFigures FiguresByHand(ImageRnn& model, int64_t count) {
  const torch::Tensor logits = sample::Infer(model, sample::Images(count)).to(torch::kFloat64);
  const torch::Tensor labels = sample::Labels(count).to(torch::kInt64);
  const torch::Tensor log_sums = logits.exp().sum(/*dim=*/1).log();
  return {log_sums - logits.gather(1, labels.view({count, 1})).view({count}), logits.argmax(1).eq(labels).to(torch::kFloat64)};
}

ENGINE_TEST(MeansAreOverSamplesAndTheLastSmallerBatchCounts) {
  constexpr int64_t kCount = 10;
  constexpr double kRounding = 1e-6;  // The trainer computes each batch's loss in float32.
  ImageRnn model(sample::Options());
  const auto data = sample::Data(kCount);
  const SampleFigures by_hand = FiguresByHand(model, kCount);
  std::vector<TrainProgress> reports;
  const RangeResult result = Training(model).RunEpoch(data, Epoch{.batch_size = 4, .learning_rate = 0},
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
    REQUIRE(report.seconds > (i == 0 ? 0 : reports[static_cast<size_t>(i - 1)].seconds));
    REQUIRE(report.seconds <= result.progress.seconds);
  }
  REQUIRE(result.completed);
  REQUIRE_EQ(result.progress.samples, kCount);
  REQUIRE_EQ(result.progress.loss, reports.back().loss);
  REQUIRE_EQ(result.progress.accuracy, reports.back().accuracy);
}

ENGINE_TEST(ReportsComeAtTheIntervalAndAtTheEnd) {
  ImageRnn model(sample::Options());
  const auto data = sample::Data(10);
  const auto batches_of = [&](int64_t batch_size, int64_t log_interval) {
    std::vector<int64_t> batches;
    for (const TrainProgress& report : Train(model, data, Epoch{.batch_size = batch_size, .log_interval = log_interval}))
      batches.push_back(report.batch);
    return batches;
  };
  REQUIRE_EQ(batches_of(2, 2), (std::vector<int64_t>{2, 4, 5}));
  REQUIRE_EQ(batches_of(1, 5), (std::vector<int64_t>{5, 10}));
  REQUIRE_EQ(batches_of(5, 100), (std::vector<int64_t>{2}));
  REQUIRE_EQ(batches_of(100, 1), (std::vector<int64_t>{1}));
}

ENGINE_TEST(ReportsDoNotChangeTheTraining) {
  const auto data = sample::Data(10);
  ImageRnn reported(sample::Options());
  const std::vector<TrainProgress> reports = Train(reported, data, Epoch{.batch_size = 3});
  ImageRnn silent(sample::Options());
  const RangeResult result = Training(silent).RunEpoch(data, Epoch{.batch_size = 3});
  CheckSameState(silent, reported);
  REQUIRE_EQ(result.progress.loss, reports.back().loss);
  REQUIRE_EQ(result.progress.batch, 4);
}

// Adam's first step: every parameter moves by learning rate * g / (|g| + epsilon).
ENGINE_TEST(FirstUpdateIsAdams) {
  ImageRnn model(sample::Options());
  ImageRnn before(sample::Options());
  const auto data = sample::Data(10);
  const torch::Tensor mean = sample::GradientOf(before, *data).flat() / 10;
  Training(model).RunEpoch(data, Epoch{.batch_size = 10, .learning_rate = 0.01});
  // The moments are kept in float32 and bias-corrected: a few roundings of a step of 0.01, on a value below 2.
  REQUIRE_CLOSE(model.values().flat(), before.values().flat() - 0.01 * mean / (mean.abs() + 1e-8), /*atol=*/1e-6, /*rtol=*/0);
}

ENGINE_TEST(ShuffledTrainingVisitsTheSamplesInShuffledOrder) {
  constexpr int64_t kCount = 20;
  for (const uint64_t epoch : {uint64_t{0}, uint64_t{3}}) {
    ImageRnn shuffled(sample::Options(/*seed=*/5));
    Train(shuffled, sample::Data(kCount), Epoch{.batch_size = 6, .shuffle = true, .number = epoch});
    const torch::Tensor order = torch::tensor(ShuffledOrder(/*seed=*/5, epoch, kCount), torch::kInt64);
    const auto permuted = sample::DataOf(sample::Images(kCount).index_select(0, order), sample::Labels(kCount).index_select(0, order));
    ImageRnn in_order(sample::Options(/*seed=*/5));
    Train(in_order, permuted, Epoch{.batch_size = 6, .number = epoch});
    CheckSameState(shuffled, in_order);
  }
}

ENGINE_TEST(SameSeedGivesTheSameLossesBitForBit) {
  const auto data = sample::Data(50);
  const auto losses = [&] {
    ImageRnn model(sample::Options());
    std::vector<double> values;
    for (const TrainProgress& report : Train(model, data, Epoch{.batch_size = 8, .shuffle = true})) values.push_back(report.batch_loss);
    return values;
  };
  REQUIRE_EQ(losses(), losses());
}

ENGINE_TEST(BytesAndScaledFloatsTrainAlike) {
  ImageRnn bytes(sample::Options());
  Train(bytes, sample::Data(10), Epoch{.batch_size = 4});
  ImageRnn floats(sample::Options());
  Train(floats, sample::DataOf(ScaleImages(sample::Images(10)), sample::Labels(10)), Epoch{.batch_size = 4});
  CheckSameState(floats, bytes);
}

ENGINE_TEST(StopEndsTheEpochAfterTheRunningBatch) {
  constexpr int64_t kBatch = 3;
  ImageRnn stopped(sample::Options());
  const auto stop = sample::NoStop();
  const auto stop_at_two = [&](const TrainProgress& progress) {
    if (progress.batch == 2) stop->Request(StopReason::kAbort);
  };
  const RangeResult result = Training(stopped).RunEpoch(sample::Data(10), Epoch{.batch_size = kBatch}, stop_at_two, stop);
  REQUIRE(!result.completed);
  REQUIRE_EQ(result.progress.batch, 2);
  REQUIRE_EQ(result.progress.batches, 4);
  REQUIRE_EQ(result.progress.samples, 2 * kBatch);

  ImageRnn only_two_batches(sample::Options());
  const std::vector<TrainProgress> reports = Train(only_two_batches, sample::Data(2 * kBatch), Epoch{.batch_size = kBatch});
  CheckSameState(stopped, only_two_batches);
  REQUIRE_EQ(result.progress.loss, reports.back().loss);
}

ENGINE_TEST(StopDuringTheLastBatchStillCompletesTheEpoch) {
  ImageRnn model(sample::Options());
  const auto stop = sample::NoStop();
  const auto request = [&](const TrainProgress&) { stop->Request(StopReason::kAbort); };
  REQUIRE(Training(model).RunEpoch(sample::Data(4), Epoch{.batch_size = 4}, request, stop).completed);
}

ENGINE_TEST(StopBeforeTheFirstBatchChangesNothing) {
  ImageRnn model(sample::Options());
  const auto stop = sample::NoStop();
  stop->Request(StopReason::kAbort);
  int reports = 0;
  const auto count = [&](const TrainProgress&) { ++reports; };
  const RangeResult result = Training(model).RunEpoch(sample::Data(4), Epoch{.batch_size = 4}, count, stop);
  REQUIRE(!result.completed);
  REQUIRE_EQ(reports, 0);
  REQUIRE_EQ(result.progress.batch, 0);
  REQUIRE_EQ(result.progress.samples, 0);
  REQUIRE_EQ(result.progress.loss, 0.0);
  CheckUntouched(model);
}

ENGINE_TEST(ThrowingCallbackEndsTheEpochAfterItsBatch) {
  ImageRnn model(sample::Options());
  Training training(model);
  const auto data = sample::Data(10);
  const auto fail = [](const TrainProgress&) { throw Error(kInvalidArgument, "from the callback"); };
  REQUIRE_THROWS(kInvalidArgument, training.RunEpoch(data, Epoch{.batch_size = 5}, fail));
  ImageRnn one_batch(sample::Options());
  Train(one_batch, sample::Data(5), Epoch{.batch_size = 5});
  CheckSameState(model, one_batch);
  REQUIRE(training.RunEpoch(data, Epoch{.batch_size = 5, .number = 1}).completed);  // The training can go on.
}

// An engine that adds something to the gradients and then fails, as when memory runs out in the backward pass.
class FailingEngine : public Engine {
 public:
  explicit FailingEngine(ImageRnn& model) : engine_(sample::MakeEngine(model)) {}
  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override { return engine_->Logits(images, stop); }
  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override {
    const BatchSums sums = engine_->Accumulate(batch, options, stop);
    if (std::exchange(fails_, false)) throw Error(kOutOfMemory, "Not enough memory.");
    return sums;
  }
  void UseGradients(const FlatTensors& gradients) override { engine_->UseGradients(gradients); }

 private:
  const std::unique_ptr<Engine> engine_;
  bool fails_ = true;
};

ENGINE_TEST(FailedBatchLeavesNothingInTheGradients) {
  const auto data = sample::Data(4);
  ImageRnn model(sample::Options());
  FailingEngine engine(model);
  Trainer trainer(model, engine);
  const BatchRange range = sample::Batches(*data, Epoch{.batch_size = 4});
  REQUIRE_THROWS(kOutOfMemory, trainer.Run(data, range, sample::NoStop(), {}));
  CheckUntouched(model);
  trainer.Run(data, range, sample::NoStop(), {});
  ImageRnn expected(sample::Options());
  Train(expected, data, Epoch{.batch_size = 4});
  CheckSameState(model, expected);
}

ENGINE_TEST(DatasetThatDoesNotFitIsRefusedBeforeTheFirstBatch) {
  ImageRnn model(sample::Options());
  Training training(model);
  REQUIRE_THROWS(kInvalidShape, training.RunEpoch(sample::DataOf(torch::zeros({4, 4, 6}), sample::Labels(4)), {}));
  const auto many_classes = sample::DataOf(sample::Images(4), torch::tensor({0, 1, 2, 3}, torch::kUInt8));
  REQUIRE_THROWS(kInvalidData, training.RunEpoch(many_classes, {}));
  CheckUntouched(model);
}

ENGINE_TEST(RangeThatFailsKeepsNoData) {
  ImageRnn model(sample::Options());
  Training training(model);
  auto data = sample::Data(9);
  const std::weak_ptr<const Dataset> weak = data;
  const Epoch epoch{.batch_size = 3};
  const auto run = [&](int64_t first, int64_t last, const TrainProgressCallback& report) {
    training.trainer().Run(data, sample::Batches(*data, epoch, first, last), sample::NoStop(), report);
  };
  run(0, 1, {});
  REQUIRE(data.use_count() > 1);  // The epoch goes on.
  REQUIRE_THROWS(kNative, run(1, 2, [](const TrainProgress&) { throw Error(kNative, "from the callback"); }));
  REQUIRE_EQ(data.use_count(), 1);
  run(0, 1, {});
  REQUIRE_THROWS(kInvalidArgument, run(1, 9, {}));
  REQUIRE_EQ(data.use_count(), 1);
  run(0, 1, {});
  const auto unfit = sample::DataOf(torch::zeros({4, 4, 6}), sample::Labels(4));
  REQUIRE_THROWS(kInvalidShape, training.RunEpoch(unfit, epoch));
  data.reset();
  REQUIRE(weak.expired());
}

ENGINE_TEST(RangeThatTheDataDoesNotHaveIsRefused) {
  ImageRnn model(sample::Options());
  Training training(model);
  const auto data = sample::Data(10);  // Four batches of three.
  const Epoch epoch{.batch_size = 3};
  for (const auto& range : {std::pair<int64_t, int64_t>{0, 5}, {4, 5}, {-1, 1}}) {  // Clang 14 cannot capture structured bindings.
    REQUIRE_THROWS(kInvalidArgument,
                   training.trainer().Run(data, sample::Batches(*data, epoch, range.first, range.second), sample::NoStop(), {}));
  }
  CheckUntouched(model);
}

// Runs an epoch in pieces that end at these batches. On request, a new training takes over the whole state after each piece.
RangeResult TrainInPieces(ImageRnn& model, const std::shared_ptr<const Dataset>& data, const Epoch& epoch, const std::vector<int64_t>& ends,
                          bool hand_over) {
  auto training = std::make_unique<Training>(model);
  RangeResult result;
  int64_t first = 0;
  for (const int64_t end : ends) {
    result = training->trainer().Run(data, sample::Batches(*data, epoch, first, end), sample::NoStop(), {});
    first = end;
    if (!hand_over) continue;
    const TrainingSnapshot snapshot = training->trainer().Copy();
    model.values().flat().zero_();  // So that only the snapshot can restore the parameters.
    training = std::make_unique<Training>(model);
    training->trainer().Load(snapshot);
  }
  return result;
}

ENGINE_TEST(EpochInPiecesIsTheWholeEpochBitForBit) {
  const auto data = sample::Data(50);
  for (const bool shuffle : {false, true}) {
    const Epoch epoch{.batch_size = 8, .shuffle = shuffle};
    ImageRnn whole(sample::Options());
    const std::vector<TrainProgress> reports = Train(whole, data, epoch);
    for (const bool hand_over : {false, true}) {
      ImageRnn cut(sample::Options());
      const RangeResult result = TrainInPieces(cut, data, epoch, {1, 4, 4, 7}, hand_over);
      CheckSameState(cut, whole);
      REQUIRE_EQ(result.progress.batch, 7);
      REQUIRE_EQ(result.progress.samples, 50);
      REQUIRE_EQ(result.progress.loss, reports.back().loss);
      REQUIRE_EQ(result.progress.accuracy, reports.back().accuracy);
    }
  }
}

ENGINE_TEST(WrongTrainingStateIsRefusedWhole) {
  const auto data = sample::Data(20);
  ImageRnn model(sample::Options());
  Training training(model);
  training.RunEpoch(data, Epoch{.batch_size = 8});
  const TrainingSnapshot good = training.trainer().Copy();
  REQUIRE_EQ(good.updates, 3);
  REQUIRE_EQ(good.epoch_samples, 20);
  const auto refuse = [&](const char* code, const std::function<void(TrainingSnapshot&)>& spoil) {
    TrainingSnapshot bad = good;
    for (auto& [name, value] : bad.values) value = torch::zeros_like(value);  // Would be noticed if it were loaded.
    spoil(bad);
    REQUIRE_THROWS(code, training.trainer().Load(bad));
    const TrainingSnapshot after = training.trainer().Copy();
    REQUIRE_EQ(after.values.size(), good.values.size());
    for (size_t i = 0; i < good.values.size(); ++i) REQUIRE_SAME(after.values[i].second, good.values[i].second);
    REQUIRE_EQ(after.updates, good.updates);
  };
  refuse(kInvalidData, [](TrainingSnapshot& bad) { bad.second.pop_back(); });
  refuse(kInvalidShape, [](TrainingSnapshot& bad) { bad.first[0].second = torch::zeros({1}); });
  refuse(kInvalidData, [](TrainingSnapshot& bad) { bad.updates = -1; });
}

ENGINE_TEST(TrainingLearns) {
  ImageRnn model(sample::Options());
  Training training(model);
  constexpr int64_t kCount = 30;
  const torch::Tensor labels = sample::Labels(kCount);
  const torch::Tensor brightness = labels * 100;  // An easy task: it tells the class.
  const auto data = sample::DataOf(brightness.view({kCount, 1, 1}).expand({kCount, sample::kRows, sample::kColumns}).contiguous(), labels);
  for (uint64_t epoch = 0; epoch < 50; ++epoch) {
    training.RunEpoch(data, Epoch{.batch_size = 10, .shuffle = true, .learning_rate = 0.01, .number = epoch});
  }
  REQUIRE_EQ(sample::Evaluate(model, data, kCount).confusion.trace().item<int64_t>(), kCount);
}

}  // namespace
}  // namespace torch_rnn_mnist
