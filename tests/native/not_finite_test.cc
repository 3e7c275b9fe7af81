// Losses, gradients and updates that are not finite, and engines that fail: nothing of them is left, to the bit.
#include <cmath>
#include <cstdint>
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
#include "tests/native/sample_trainings.h"

namespace torch_rnn_mnist {
namespace {

using namespace sample;

// Calls `spoil` after the gradients of one batch were added.
class SpoilingEngine : public Engine {
 public:
  using Spoil = std::function<void(BatchSums& sums, const FlatTensors& gradients)>;

  SpoilingEngine(ImageRnn& model, int64_t batch, Spoil spoil) : engine_(MakeEngine(model)), batch_(batch), spoil_(std::move(spoil)) {}

  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override { return engine_->Logits(images, stop); }
  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override {
    BatchSums sums = engine_->Accumulate(batch, options, stop);
    ++batches_;
    if (--batch_ == 0) spoil_(sums, *gradients_);
    return sums;
  }
  void UseGradients(const FlatTensors& gradients) override {
    gradients_ = gradients;
    engine_->UseGradients(gradients);
  }
  int64_t batches() const { return batches_; }

 private:
  const std::unique_ptr<Engine> engine_;
  int64_t batches_ = 0;
  int64_t batch_;  // Batches until then.
  const Spoil spoil_;
  std::optional<FlatTensors> gradients_;
};

void Fail(BatchSums&, const FlatTensors&) { throw Error(kOutOfMemory, "Not enough memory."); }
void SpoilLoss(BatchSums& sums, const FlatTensors&) { sums.loss = sums.loss * std::nan(""); }
void SpoilGradient(BatchSums&, const FlatTensors& gradients) { gradients.flat()[3].fill_(-std::numeric_limits<float>::infinity()); }

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

ENGINE_TEST(EngineThatFailsInAGroupDropsIt) {
  for (const FiniteCheck check : {FiniteCheck::kBeforeUpdate, FiniteCheck::kWhenSettled}) {
    CheckGroupIsDropped(kOutOfMemory, "Not enough memory.", Fail, check);
  }
}

ENGINE_TEST(LossThatIsNotFiniteIsNotApplied) {
  const std::string advice = " is not finite (nan). Lower the learning rate or clip the gradients.";
  CheckGroupIsDropped(kNotFinite, "The loss of batch 5" + advice, SpoilLoss, FiniteCheck::kBeforeUpdate);
  // On a device that is not waited for, the group is known.
  CheckGroupIsDropped(kNotFinite, "The loss of batches 4 to 6" + advice, SpoilLoss, FiniteCheck::kWhenSettled);
}

ENGINE_TEST(GradientThatIsNotFiniteIsNotApplied) {
  for (const FiniteCheck check : {FiniteCheck::kBeforeUpdate, FiniteCheck::kWhenSettled}) {
    CheckGroupIsDropped(kNotFinite,
                        "The gradient of batches 4 to 6 is not finite (its norm is inf). Lower the learning rate or clip the gradients.",
                        SpoilGradient, check);
  }
}

// Without groups, and with reports: those before the bad batch are the usual ones, and none shows its loss.
ENGINE_TEST(ReportsEndBeforeABatchThatIsNotFinite) {
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

ENGINE_TEST(ReportInAGroupRefusesALossThatIsNotFinite) {
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

// Without reports, a device that is not waited for is still asked from time to time.
ENGINE_TEST(LongRangeWithoutReportsIsCheckedOnItsWay) {
  constexpr int64_t kBad = 130;
  const auto data = sample::Data(400);
  const Epoch epoch{.batch_size = 1};
  ImageRnn model(sample::Options());
  SpoilingEngine engine(model, kBad, SpoilGradient);
  Trainer trainer(model, engine, kPlain, FiniteCheck::kWhenSettled);
  REQUIRE_THROWS(kNotFinite, Run(trainer, data, epoch, 0, -1));
  REQUIRE_EQ(engine.batches(), 200);  // At every hundredth update.
  CheckSame(trainer.Copy(), After(data, epoch, kPlain, kBad - 1));
}

ENGINE_TEST(BothChecksTrainAlike) {
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
ENGINE_TEST(DivergingTrainingEndsWithFiniteParameters) {
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

// The gradient stays finite, because states are exactly 1 where they are saturated; but weight decay at this rate multiplies the
// parameters by -9999 in every update.
ENGINE_TEST(WeightDecayThatMakesParametersInfiniteIsNotApplied) {
  const auto data = sample::Data(40);
  for (const UpdateRule rule : {UpdateRule::kAdam, UpdateRule::kAdamW, UpdateRule::kMuon}) {
    for (const FiniteCheck check : {FiniteCheck::kBeforeUpdate, FiniteCheck::kWhenSettled}) {
      ImageRnn model(sample::Options());
      // Where the decay is part of the gradient, large parameters make the second moment overflow.
      if (rule == UpdateRule::kAdam) model.values().flat().mul_(1e18);
      Training training(model, {.rule = rule, .weight_decay = 100}, check);
      const Error error = REQUIRE_THROWS(kNotFinite, training.RunEpoch(data, Epoch{.batch_size = 1, .learning_rate = 100}));
      REQUIRE(std::string(error.what()).find(" would make parameters infinite, or their moments. ") != std::string::npos);
      const TrainingSnapshot after = training.trainer().Copy();
      for (const StateDict& state : {after.values, after.first, after.second}) {
        for (const auto& [name, value] : state) REQUIRE(value.isfinite().all().item<bool>());
      }
      training.trainer().Load(after);
    }
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
