// What the options of a training change: groups of batches, the average of the parameters, losses and gradients that are not finite, and
// trainings that go on. Everything is exact to the bit, except where sums are taken in another order.
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

using sample::Epoch;
using sample::Training;

const OptimizerOptions kAll{
    .rule = UpdateRule::kAdamW, .beta1 = 0.8, .beta2 = 0.99, .weight_decay = 0.1, .clip_grad_norm = 0.1, .ema_decay = 0.9};
const OptimizerOptions kPlain;

void CheckSame(const StateDict& actual, const StateDict& expected) {
  REQUIRE_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) REQUIRE_SAME(actual[i].second, expected[i].second);
}

void CheckSame(const TrainingSnapshot& actual, const TrainingSnapshot& expected) {
  CheckSame(actual.values, expected.values);
  CheckSame(actual.first, expected.first);
  CheckSame(actual.second, expected.second);
  REQUIRE_EQ(actual.average.has_value(), expected.average.has_value());
  if (expected.average) CheckSame(*actual.average, *expected.average);
  REQUIRE_EQ(actual.updates, expected.updates);
  REQUIRE_EQ(actual.epoch_batches, expected.epoch_batches);
  REQUIRE_EQ(actual.epoch_loss, expected.epoch_loss);
  REQUIRE_EQ(actual.epoch_hits, expected.epoch_hits);
  REQUIRE_EQ(actual.epoch_samples, expected.epoch_samples);
}

// What the network holds must be the average, where there is one.
void CheckShown(ImageRnn& model, const TrainingSnapshot& snapshot) {
  CheckSame(model.values().Copy(), snapshot.average ? *snapshot.average : snapshot.values);
}

RangeResult Run(Trainer& trainer, const std::shared_ptr<const Dataset>& data, const Epoch& epoch, int64_t first, int64_t last,
                const TrainProgressCallback& report = {}, const std::shared_ptr<StopSignal>& stop = sample::NoStop()) {
  return trainer.Run(data, sample::Batches(*data, epoch, first, last), stop, report);
}

// The state after the batches up to `last` of an epoch, from a fresh start.
TrainingSnapshot After(const std::shared_ptr<const Dataset>& data, const Epoch& epoch, const OptimizerOptions& options, int64_t last) {
  ImageRnn model(sample::Options());
  Training training(model, options);
  Run(training.trainer(), data, epoch, 0, last);
  return training.trainer().Copy();
}

TEST(GroupsOfBatchesAreLargerBatches) {
  const auto data = sample::Data(20);
  // Batches of 2, 2, 2 | 2, 2, 2 | 2, 2, 2 | 2: the last group is smaller.
  for (const OptimizerOptions& options : {kPlain, kAll}) {
    const TrainingSnapshot groups = After(data, Epoch{.batch_size = 2, .accumulation_steps = 3}, options, -1);
    const TrainingSnapshot batches = After(data, Epoch{.batch_size = 6}, options, -1);
    REQUIRE_EQ(groups.updates, 4);
    REQUIRE_EQ(groups.epoch_batches, 10);
    REQUIRE_EQ(groups.epoch_samples, 20);
    REQUIRE_EQ(groups.epoch_hits, batches.epoch_hits);
    REQUIRE_NEAR(groups.epoch_loss, batches.epoch_loss, 1e-5);
    for (size_t i = 0; i < batches.values.size(); ++i) {
      REQUIRE_CLOSE(groups.first[i].second, batches.first[i].second, /*atol=*/1e-6, /*rtol=*/0);
      // Adam divides by the gradient's own size, so a rounding of a small gradient grows; its steps are 1e-3.
      REQUIRE_CLOSE(groups.values[i].second, batches.values[i].second, /*atol=*/2e-6, /*rtol=*/0);
    }
  }
}

TEST(GroupLargerThanTheEpochIsOneUpdate) {
  const auto data = sample::Data(10);
  const TrainingSnapshot snapshot = After(data, Epoch{.batch_size = 4, .accumulation_steps = 1000}, kPlain, -1);
  REQUIRE_EQ(snapshot.updates, 1);
  REQUIRE_EQ(snapshot.epoch_samples, 10);
}

TEST(UpdateTakesTheRateOfItsLastBatch) {
  const auto data = sample::Data(8);
  const auto after = [&](const std::vector<double>& rates) {
    ImageRnn model(sample::Options());
    Training training(model);
    BatchRange range = sample::Batches(*data, Epoch{.batch_size = 4, .accumulation_steps = 2});
    range.learning_rates = rates;
    training.trainer().Run(data, range, sample::NoStop(), {});
    return training.trainer().Copy();
  };
  CheckSame(after({5, 0.01}), after({0.01, 0.01}));
}

TEST(ReportsInAGroupCountItsBatches) {
  ImageRnn model(sample::Options());
  const auto data = sample::Data(12);
  std::vector<TrainProgress> grouped;
  Training(model).RunEpoch(data, Epoch{.batch_size = 2, .learning_rate = 0, .accumulation_steps = 4},
                           [&](const TrainProgress& progress) { grouped.push_back(progress); });
  std::vector<TrainProgress> single;
  Training(model).RunEpoch(data, Epoch{.batch_size = 2, .learning_rate = 0},
                           [&](const TrainProgress& progress) { single.push_back(progress); });
  REQUIRE_EQ(grouped.size(), 6);
  for (size_t i = 0; i < grouped.size(); ++i) {
    REQUIRE_EQ(grouped[i].batch, static_cast<int64_t>(i) + 1);
    REQUIRE_EQ(grouped[i].samples, 2 * (static_cast<int64_t>(i) + 1));
    REQUIRE_EQ(grouped[i].batch_loss, single[i].batch_loss);
    REQUIRE_NEAR(grouped[i].loss, single[i].loss, 1e-12);
    REQUIRE_EQ(grouped[i].accuracy, single[i].accuracy);
    REQUIRE_EQ(grouped[i].gradient_norm > 0, i >= 3);  // Of the latest update.
  }
}

TEST(GradientNormIsThatOfTheMeanBeforeClipping) {
  const auto data = sample::Data(10);
  ImageRnn model(sample::Options());
  FlatTensors gradient = model.values().ZerosLike();
  TorchEngine engine(model);
  engine.UseGradients(gradient);
  engine.Accumulate(Batches(*data, torch::kCPU, 10).Get(0), LossOptions{}, sample::NoStop());
  const double expected = gradient.flat().to(torch::kFloat64).norm().item<double>() / 10;
  const RangeResult result = Training(model, {.clip_grad_norm = 1e-3}).RunEpoch(data, Epoch{.batch_size = 5, .accumulation_steps = 2});
  REQUIRE_NEAR(result.progress.gradient_norm, expected, 1e-5 * expected);
}

TEST(SmoothedLossIsPyTorchs) {
  constexpr int64_t kCount = 6;
  ImageRnn model(sample::Options());
  const torch::Tensor log_probabilities = sample::Infer(model, sample::Images(kCount)).to(torch::kFloat64).log_softmax(1);
  const torch::Tensor target = sample::Labels(kCount).to(torch::kInt64).view({kCount, 1});
  double plain_accuracy = 0;
  for (const double smoothing : {0.0, 0.1, 1.0}) {
    const auto data = sample::Data(kCount);
    const RangeResult result =
        Training(model).RunEpoch(data, Epoch{.batch_size = kCount, .learning_rate = 0, .label_smoothing = smoothing});
    const torch::Tensor losses =
        -(1 - smoothing) * log_probabilities.gather(1, target).view({kCount}) - smoothing * log_probabilities.mean(1);
    REQUIRE_NEAR(result.progress.loss, losses.mean().item<double>(), 1e-6);
    if (smoothing == 0) plain_accuracy = result.progress.accuracy;
    REQUIRE_EQ(result.progress.accuracy, plain_accuracy);
  }
}

TEST(RangesThatCutAGroupOrLeaveAGapAreRefused) {
  const auto data = sample::Data(20);  // Ten batches.
  const Epoch epoch{.batch_size = 2, .accumulation_steps = 4};
  ImageRnn model(sample::Options());
  Training training(model);
  REQUIRE_THROWS(kInvalidArgument, Run(training.trainer(), data, epoch, 0, 3));
  REQUIRE_THROWS(kInvalidArgument, Run(training.trainer(), data, epoch, 4, 8));  // The epoch stands at 0.
  REQUIRE_EQ(training.trainer().Copy().updates, 0);
  Run(training.trainer(), data, epoch, 0, 4);
  REQUIRE_THROWS(kInvalidArgument, Run(training.trainer(), data, epoch, 4, 9));
  REQUIRE_THROWS(kInvalidArgument, Run(training.trainer(), data, epoch, 8, 10));
  Run(training.trainer(), data, epoch, 4, 10);  // The last group is smaller.
  CheckSame(training.trainer().Copy(), After(data, epoch, kPlain, -1));
}

// An epoch in pieces, each in a network and a training of its own that take over the state.
TEST(StateGoesOnAfterAnyGroupBitForBit) {
  const auto data = sample::Data(50);
  const Epoch epoch{.batch_size = 4, .shuffle = true, .accumulation_steps = 3, .label_smoothing = 0.1};
  const TrainingSnapshot whole = After(data, epoch, kAll, -1);
  REQUIRE_EQ(whole.updates, 5);
  for (const int64_t cut : {int64_t{3}, int64_t{6}, int64_t{12}}) {
    const TrainingSnapshot paused = After(data, epoch, kAll, cut);
    REQUIRE_EQ(paused.epoch_batches, cut);
    ImageRnn model(sample::Options());
    model.values().flat().fill_(7);  // So that only the state can restore the parameters.
    Training training(model, kAll);
    training.trainer().Load(paused);
    CheckSame(training.trainer().Copy(), paused);
    CheckShown(model, paused);
    Run(training.trainer(), data, epoch, cut, -1);
    CheckSame(training.trainer().Copy(), whole);
    CheckShown(model, whole);
  }
}

// Calls `spoil` after the gradients of one batch were added.
class SpoilingEngine : public TorchEngine {
 public:
  using Spoil = std::function<void(BatchSums& sums, const FlatTensors& gradients)>;

  SpoilingEngine(ImageRnn& model, int64_t batch, Spoil spoil) : TorchEngine(model), batch_(batch), spoil_(std::move(spoil)) {}

  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override {
    BatchSums sums = TorchEngine::Accumulate(batch, options, stop);
    if (--batch_ == 0) spoil_(sums, *gradients_);
    return sums;
  }
  void UseGradients(const FlatTensors& gradients) override {
    gradients_ = gradients;
    TorchEngine::UseGradients(gradients);
  }

 private:
  int64_t batch_;  // Batches until then.
  const Spoil spoil_;
  std::optional<FlatTensors> gradients_;
};

void Fail(BatchSums&, const FlatTensors&) { throw Error(kOutOfMemory, "Not enough memory."); }
void SpoilLoss(BatchSums& sums, const FlatTensors&) { sums.loss = sums.loss * std::nan(""); }
void SpoilGradient(BatchSums&, const FlatTensors& gradients) { gradients.flat()[3].fill_(-std::numeric_limits<float>::infinity()); }

constexpr int64_t kBatches = 9;
const Epoch kGroups{.batch_size = 2, .log_interval = 100, .accumulation_steps = 3};

// A training of nine batches in three groups whose fifth batch goes wrong: state, sums and network are those of the first group, and the
// training goes on from there to what it would have been.
void CheckGroupIsDropped(const char* code, const std::string& message, const SpoilingEngine::Spoil& spoil, FiniteCheck check) {
  const auto data = sample::Data(2 * kBatches);
  for (const OptimizerOptions& options : {kPlain, kAll}) {
    ImageRnn model(sample::Options());
    SpoilingEngine engine(model, 5, spoil);
    Trainer trainer(model, engine, options, check);
    const Error error = REQUIRE_THROWS(code, Run(trainer, data, kGroups, 0, kBatches));
    REQUIRE_EQ(std::string(error.what()), message);
    const TrainingSnapshot dropped = trainer.Copy();
    CheckSame(dropped, After(data, kGroups, options, 3));
    CheckShown(model, dropped);
    Run(trainer, data, kGroups, 3, kBatches);
    CheckSame(trainer.Copy(), After(data, kGroups, options, -1));
  }
}

TEST(EngineThatFailsInAGroupDropsIt) {
  for (const FiniteCheck check : {FiniteCheck::kBeforeUpdate, FiniteCheck::kWhenSettled}) {
    CheckGroupIsDropped(kOutOfMemory, "Not enough memory.", Fail, check);
  }
}

TEST(LossThatIsNotFiniteIsNotApplied) {
  const std::string advice = " is not finite (nan). Lower the learning rate or clip the gradients.";
  CheckGroupIsDropped(kNotFinite, "The loss of batch 5" + advice, SpoilLoss, FiniteCheck::kBeforeUpdate);
  // On a device that is not waited for, the group is known.
  CheckGroupIsDropped(kNotFinite, "The loss of batches 4 to 6" + advice, SpoilLoss, FiniteCheck::kWhenSettled);
}

TEST(GradientThatIsNotFiniteIsNotApplied) {
  for (const FiniteCheck check : {FiniteCheck::kBeforeUpdate, FiniteCheck::kWhenSettled}) {
    CheckGroupIsDropped(kNotFinite,
                        "The gradient of batches 4 to 6 is not finite (its norm is inf). Lower the learning rate or clip the gradients.",
                        SpoilGradient, check);
  }
}

// Without groups, and with reports: those before the bad batch are the usual ones, and none shows its loss.
TEST(ReportsEndBeforeABatchThatIsNotFinite) {
  const auto data = sample::Data(12);
  const Epoch epoch{.batch_size = 2, .log_interval = 2};
  for (const FiniteCheck check : {FiniteCheck::kBeforeUpdate, FiniteCheck::kWhenSettled}) {
    for (const auto spoil : {SpoilLoss, SpoilGradient}) {
      ImageRnn model(sample::Options());
      SpoilingEngine engine(model, 4, spoil);
      Trainer trainer(model, engine, kPlain, check);
      std::vector<int64_t> reports;
      const auto note = [&](const TrainProgress& progress) {
        REQUIRE(std::isfinite(progress.loss) && std::isfinite(progress.gradient_norm));
        reports.push_back(progress.batch);
      };
      const Error error = REQUIRE_THROWS(kNotFinite, Run(trainer, data, epoch, 0, 6, note));
      REQUIRE(std::string(error.what()).find(" of batch 4 ") != std::string::npos);
      REQUIRE_EQ(reports, std::vector<int64_t>{2});
      CheckSame(trainer.Copy(), After(data, epoch, kPlain, 3));
    }
  }
}

TEST(ReportInAGroupRefusesALossThatIsNotFinite) {
  const auto data = sample::Data(2 * kBatches);
  ImageRnn model(sample::Options());
  SpoilingEngine engine(model, 5, SpoilLoss);
  Trainer trainer(model, engine, kAll, FiniteCheck::kWhenSettled);
  Epoch epoch = kGroups;
  epoch.log_interval = 1;
  int64_t reported = 0;
  REQUIRE_THROWS(kNotFinite, Run(trainer, data, epoch, 0, kBatches, [&](const TrainProgress& progress) { reported = progress.batch; }));
  REQUIRE_EQ(reported, 4);
  CheckSame(trainer.Copy(), After(data, kGroups, kAll, 3));
}

TEST(BothChecksTrainAlike) {
  const auto data = sample::Data(50);
  for (const OptimizerOptions& options : {kPlain, kAll}) {
    const auto after = [&](FiniteCheck check) {
      ImageRnn model(sample::Options());
      Training training(model, options, check);
      training.RunEpoch(data, Epoch{.batch_size = 8, .shuffle = true, .accumulation_steps = 2});
      return training.trainer().Copy();
    };
    CheckSame(after(FiniteCheck::kWhenSettled), after(FiniteCheck::kBeforeUpdate));
  }
}

// A training that really diverges: ReLU, and a step size that makes the states of 28 rows overflow.
TEST(DivergingTrainingEndsWithFiniteParameters) {
  ModelOptions options = sample::Options();
  options.nonlinearity = Nonlinearity::kRelu;
  ImageRnn model(options);
  Training training(model);
  const auto data = sample::DataOf(torch::full({8, 60, sample::kColumns}, 200, torch::kUInt8), sample::Labels(8));
  const Error error = REQUIRE_THROWS(kNotFinite, training.RunEpoch(data, Epoch{.batch_size = 1, .learning_rate = 100}));
  REQUIRE(std::string(error.what()).find("Lower the learning rate or clip the gradients.") != std::string::npos);
  const TrainingSnapshot after = training.trainer().Copy();
  for (const StateDict& state : {after.values, after.first, after.second}) {
    for (const auto& [name, value] : state) REQUIRE(value.isfinite().all().item<bool>());
  }
  REQUIRE(after.updates > 0);
}

TEST(StopInAGroupDropsIt) {
  const auto data = sample::Data(2 * kBatches);
  Epoch epoch = kGroups;
  epoch.log_interval = 1;
  ImageRnn model(sample::Options());
  Training training(model, kAll);
  const auto stop = sample::NoStop();
  const auto stop_at_five = [&](const TrainProgress& progress) {
    if (progress.batch == 5) stop->Request(StopReason::kAbort);
  };
  const RangeResult result = Run(training.trainer(), data, epoch, 0, kBatches, stop_at_five, stop);
  REQUIRE(!result.completed);
  REQUIRE_EQ(result.progress.batch, 3);
  REQUIRE_EQ(result.progress.samples, 6);
  const TrainingSnapshot stopped = training.trainer().Copy();
  CheckSame(stopped, After(data, epoch, kAll, 3));
  CheckShown(model, stopped);
  Run(training.trainer(), data, epoch, 3, kBatches);
  CheckSame(training.trainer().Copy(), After(data, epoch, kAll, -1));
}

TEST(CallbackThatThrowsInAGroupDropsIt) {
  const auto data = sample::Data(2 * kBatches);
  Epoch epoch = kGroups;
  epoch.log_interval = 5;
  ImageRnn model(sample::Options());
  Training training(model, kAll);
  const auto fail = [](const TrainProgress&) { throw Error(kNative, "from the callback"); };
  REQUIRE_THROWS(kNative, Run(training.trainer(), data, epoch, 0, kBatches, fail));
  const TrainingSnapshot after = training.trainer().Copy();
  CheckSame(after, After(data, epoch, kAll, 3));
  CheckShown(model, after);
}

TEST(HookSeesTheParametersThatAreTrained) {
  const auto data = sample::Data(8);
  ImageRnn model(sample::Options());
  Training training(model, {.ema_decay = 0.5});
  training.RunEpoch(data, Epoch{.batch_size = 8});
  const StateDict parameters = training.trainer().Copy().values;
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) { CheckSame(model.values().Copy(), parameters); });
  training.RunEpoch(data, Epoch{.batch_size = 8, .number = 1});
  CheckShown(model, training.trainer().Copy());
}

TEST(AverageLeavesTheTrainingAlone) {
  const auto data = sample::Data(20);
  const Epoch epoch{.batch_size = 4};
  TrainingSnapshot with = After(data, epoch, {.ema_decay = 0.9}, -1);
  REQUIRE(with.average.has_value());
  with.average.reset();
  CheckSame(with, After(data, epoch, kPlain, -1));
}

TEST(ParametersLoadedBetweenTwoRangesAreTrainedAndAveraged) {
  const auto data = sample::Data(20);
  const Epoch epoch{.batch_size = 4};
  ImageRnn other(sample::Options(/*seed=*/9));
  ImageRnn model(sample::Options());
  Training training(model, {.ema_decay = 0.9});
  training.RunEpoch(data, epoch);
  model.values().Load(other.values().Copy());
  const TrainingSnapshot loaded = training.trainer().Copy();
  CheckSame(loaded.values, other.values().Copy());
  CheckSame(*loaded.average, other.values().Copy());
  REQUIRE_EQ(loaded.updates, 5);
  // At a rate of 0 both stay where they are.
  training.RunEpoch(data, Epoch{.batch_size = 4, .learning_rate = 0, .number = 1});
  CheckSame(model.values().Copy(), other.values().Copy());
}

TEST(TrainingThatGoesOnIsOneTraining) {
  const auto data = sample::Data(20);
  const auto train = [&](bool is_new_training) {
    ImageRnn model(sample::Options());
    Training training(model, kAll);
    training.RunEpoch(data, Epoch{.batch_size = 4, .shuffle = true});
    if (is_new_training) {
      training.trainer().Continue(kAll);
      const TrainingSnapshot begun = training.trainer().Copy();
      REQUIRE_EQ(begun.updates, 5);
      REQUIRE_EQ(begun.epoch_batches, 0);
      REQUIRE_EQ(begun.epoch_samples, 0);
    }
    training.RunEpoch(data, Epoch{.batch_size = 4, .shuffle = true, .number = 1});
    return training.trainer().Copy();
  };
  CheckSame(train(true), train(false));
}

TEST(TrainingGoesOnWithOtherOptions) {
  const auto data = sample::Data(20);
  const Epoch epoch{.batch_size = 4};
  const Epoch still{.batch_size = 20, .learning_rate = 0, .number = 1};
  ImageRnn model(sample::Options());
  Training training(model);
  training.RunEpoch(data, epoch);
  const TrainingSnapshot plain = training.trainer().Copy();
  // An average that begins takes the parameters as they are.
  training.trainer().Continue({.ema_decay = 0.9});
  const TrainingSnapshot averaged = training.trainer().Copy();
  CheckSame(averaged.values, plain.values);
  CheckSame(*averaged.average, plain.values);
  CheckSame(averaged.first, plain.first);
  training.RunEpoch(data, epoch);
  const TrainingSnapshot trained = training.trainer().Copy();
  // One that ends leaves the parameters to the network.
  training.trainer().Continue({.beta1 = 0});
  const TrainingSnapshot ended = training.trainer().Copy();
  REQUIRE(!ended.average.has_value());
  CheckSame(ended.values, trained.values);
  CheckShown(model, ended);
  // The other options count: without memory, the first moment is the latest gradient, whose norm is known.
  const RangeResult result = training.RunEpoch(data, still);
  double square = 0;
  for (const auto& [name, value] : training.trainer().Copy().first) square += value.to(torch::kFloat64).pow(2).sum().item<double>();
  REQUIRE_NEAR(std::sqrt(square), result.progress.gradient_norm, 1e-5 * result.progress.gradient_norm);
}

TEST(StateThatNoTrainingCanHaveIsRefusedWhole) {
  const auto data = sample::Data(20);
  ImageRnn model(sample::Options());
  Training training(model, kAll);
  training.RunEpoch(data, Epoch{.batch_size = 8});
  const TrainingSnapshot good = training.trainer().Copy();
  const auto refuse = [&](const std::function<void(TrainingSnapshot&)>& spoil) {
    TrainingSnapshot bad = good;
    for (auto& [name, value] : bad.values) value = torch::zeros_like(value);  // Would be noticed if it were loaded.
    spoil(bad);
    REQUIRE_THROWS(kInvalidData, training.trainer().Load(bad));
    CheckSame(training.trainer().Copy(), good);
    CheckShown(model, good);
  };
  const auto with = [](const StateDict& state, float number) {
    StateDict changed = state;
    changed[2].second = changed[2].second.clone();
    changed[2].second.view(-1)[0].fill_(number);
    return changed;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  refuse([&](TrainingSnapshot& bad) { bad.values = with(good.values, nan); });
  refuse([&](TrainingSnapshot& bad) { bad.first = with(good.first, std::numeric_limits<float>::infinity()); });
  refuse([&](TrainingSnapshot& bad) { bad.second = with(good.second, nan); });
  refuse([&](TrainingSnapshot& bad) { bad.second = with(good.second, -1e-9F); });
  refuse([&](TrainingSnapshot& bad) { bad.average = with(*good.average, nan); });
  refuse([](TrainingSnapshot& bad) { bad.average->pop_back(); });
  refuse([](TrainingSnapshot& bad) { bad.average.reset(); });
  refuse([](TrainingSnapshot& bad) { bad.epoch_batches = -1; });
  refuse([](TrainingSnapshot& bad) { bad.epoch_batches = 21; });
  refuse([](TrainingSnapshot& bad) { bad.epoch_batches = 0; });
  refuse([](TrainingSnapshot& bad) { bad.epoch_hits = 21; });
  refuse([&](TrainingSnapshot& bad) { bad.epoch_loss = std::nan(""); });
  refuse([](TrainingSnapshot& bad) { bad.epoch_loss = -1; });
  // Nor is an average taken where none is kept.
  ImageRnn plain_model(sample::Options());
  Training plain(plain_model);
  REQUIRE_THROWS(kInvalidData, plain.trainer().Load(good));
  REQUIRE_EQ(plain.trainer().Copy().updates, 0);
}

}  // namespace
}  // namespace torch_rnn_mnist
