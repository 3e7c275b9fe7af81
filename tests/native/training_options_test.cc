// What the options of a training change: groups of batches, smoothed labels, the average of the parameters, and trainings that go on.
// Everything is exact to the bit, except where sums are taken in another order.
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"
#include "tests/native/sample_trainings.h"

namespace torch_rnn_mnist {
namespace {

using namespace sample;

ENGINE_TEST(GroupsOfBatchesAreLargerBatches) {
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

ENGINE_TEST(GroupLargerThanTheEpochIsOneUpdate) {
  const auto data = sample::Data(10);
  const TrainingSnapshot snapshot = After(data, Epoch{.batch_size = 4, .accumulation_steps = 1000}, kPlain, -1);
  REQUIRE_EQ(snapshot.updates, 1);
  REQUIRE_EQ(snapshot.epoch_samples, 10);
}

ENGINE_TEST(UpdateTakesTheRateOfItsLastBatch) {
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

ENGINE_TEST(ReportsInAGroupCountItsBatches) {
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

ENGINE_TEST(GradientNormIsThatOfTheMeanBeforeClipping) {
  const auto data = sample::Data(10);
  ImageRnn model(sample::Options());
  const double expected = sample::GradientOf(model, *data).flat().to(torch::kFloat64).norm().item<double>() / 10;
  const RangeResult result = Training(model, {.clip_grad_norm = 1e-3}).RunEpoch(data, Epoch{.batch_size = 5, .accumulation_steps = 2});
  REQUIRE_NEAR(result.progress.gradient_norm, expected, 1e-5 * expected);
}

ENGINE_TEST(SmoothedLossIsPyTorchs) {
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

ENGINE_TEST(RangesThatCutAGroupOrLeaveAGapAreRefused) {
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
ENGINE_TEST(StateGoesOnAfterAnyGroupBitForBit) {
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

ENGINE_TEST(StopInAGroupDropsIt) {
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

ENGINE_TEST(CallbackThatThrowsInAGroupDropsIt) {
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

ENGINE_TEST(AverageLeavesTheTrainingAlone) {
  const auto data = sample::Data(20);
  const Epoch epoch{.batch_size = 4};
  TrainingSnapshot with = After(data, epoch, {.ema_decay = 0.9}, -1);
  REQUIRE(with.average.has_value());
  with.average.reset();
  CheckSame(with, After(data, epoch, kPlain, -1));
}

ENGINE_TEST(ParametersLoadedBetweenTwoRangesAreTrainedAndAveraged) {
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

ENGINE_TEST(TrainingThatGoesOnIsOneTraining) {
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

ENGINE_TEST(TrainingGoesOnWithOtherOptions) {
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

ENGINE_TEST(StateThatNoTrainingCanHaveIsRefusedWhole) {
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
