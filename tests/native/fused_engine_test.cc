// The fused engine as an engine of this package: it computes what nn::RNN computes, with the parameters that the model has now, and either
// runs any batch. How exact it is, is tested elsewhere.
#include "native/core/training/fused_engine.h"

#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "native/core/training/parameter_average.h"
#include "native/core/training/torch_engine.h"
#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"
#include "tests/native/sample_trainings.h"

namespace torch_rnn_mnist {
namespace {

using namespace sample;

// Both engines sum in float32, in another order.
constexpr double kLogitTolerance = 1e-5;     // Absolute; logits are about 1.
constexpr double kGradientTolerance = 2e-5;  // Relative to the norm of the whole tensor.
constexpr double kLossTolerance = 1e-6;      // Relative.

FusedEngine Fused(ImageRnn& model) { return {model, ReadFusedOptions(), kFusedThreads}; }

struct Network {
  ModelOptions options;
  int64_t steps;
};

// The tutorial's, small ones, and sizes that fill no vector.
std::vector<Network> Networks() {
  std::vector<Network> networks;
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    for (const RecurrentInit init : {RecurrentInit::kIdentity, RecurrentInit::kUniform}) {
      ModelOptions small = Options();
      small.nonlinearity = nonlinearity;
      small.recurrent_init = init;
      networks.push_back({small, kRows});
    }
    for (const auto& [input, hidden, layers, classes, steps] :
         {std::tuple{28, 150, 3, 10, 28}, std::tuple{1, 1, 1, 2, 1}, std::tuple{19, 37, 4, 17, 9}}) {
      ModelOptions options;
      options.input_size = input;
      options.hidden_size = hidden;
      options.num_layers = layers;
      options.num_classes = classes;
      options.nonlinearity = nonlinearity;
      options.recurrent_init = RecurrentInit::kUniform;
      networks.push_back({options, steps});
    }
  }
  return networks;
}

// Images without visible pattern from 0 to 1, the first rows of which are blank, as those of digits.
torch::Tensor ImagesFor(const Network& network, int64_t samples) {
  const int64_t features = network.options.input_size;
  torch::Tensor images = torch::arange(samples * network.steps * features, torch::kFloat32).mul_(1.7).sin_().abs_();
  images = images.view({samples, network.steps, features});
  for (int64_t i = 0; i < samples; ++i) images[i].narrow(0, 0, (i % 4) * network.steps / 8).zero_();
  return images;
}

Batch BatchFor(const Network& network, int64_t samples) {
  return {ImagesFor(network, samples), torch::arange(samples, torch::kInt64).mul(7).remainder(network.options.num_classes)};
}

torch::Tensor LogitsOf(Engine& engine, const torch::Tensor& images) {
  const torch::NoGradGuard no_grad;
  return engine.Logits(images, NoStop());
}

struct Result {
  BatchSums sums;
  FlatTensors gradient;
};
Result Accumulated(ImageRnn& model, Engine& engine, const Batch& batch, const LossOptions& options) {
  FlatTensors gradient = model.values().ZerosLike();
  engine.UseGradients(gradient);
  return {engine.Accumulate(batch, options, NoStop()), gradient};
}

TEST(LogitsAreThoseOfTorch) {
  for (const Network& network : Networks()) {
    ImageRnn model(network.options);
    TorchEngine torch_engine(model);
    FusedEngine fused_engine = Fused(model);
    for (const int64_t samples : {1, 7, 130}) {
      const torch::Tensor images = ImagesFor(network, samples);
      const torch::Tensor logits = LogitsOf(fused_engine, images);
      REQUIRE(logits.scalar_type() == torch::kFloat32);
      REQUIRE_CLOSE(logits, LogitsOf(torch_engine, images), kLogitTolerance, kLogitTolerance);
    }
  }
}

TEST(LossesHitsAndGradientsAreThoseOfTorch) {
  for (const Network& network : Networks()) {
    ImageRnn model(network.options);
    TorchEngine torch_engine(model);
    FusedEngine fused_engine = Fused(model);
    for (const double smoothing : {0.0, 0.1, 1.0}) {
      for (const int64_t samples : {1, 67}) {
        const Batch batch = BatchFor(network, samples);
        const Result expected = Accumulated(model, torch_engine, batch, {smoothing});
        const Result actual = Accumulated(model, fused_engine, batch, {smoothing});
        REQUIRE(actual.sums.loss.scalar_type() == torch::kFloat32);
        REQUIRE_CLOSE(actual.sums.loss, expected.sums.loss, /*atol=*/0, kLossTolerance);
        REQUIRE_SAME(actual.sums.hits, expected.sums.hits);
        REQUIRE_EQ(actual.sums.samples, samples);
        for (const auto& entry : model.values().layout().entries) {
          const torch::Tensor want = expected.gradient.View(entry);
          REQUIRE_CLOSE(actual.gradient.View(entry), want, kGradientTolerance * want.norm().item<double>(), /*rtol=*/0);
        }
      }
    }
  }
}

TEST(GradientsAreAddedToWhatIsThere) {
  const Network network{Options(), kRows};
  ImageRnn model(network.options);
  FusedEngine engine = Fused(model);
  const Batch batch = BatchFor(network, 6);
  const torch::Tensor once = Accumulated(model, engine, batch, {}).gradient.flat();
  FlatTensors twice = model.values().ZerosLike();
  engine.UseGradients(twice);
  for (int i = 0; i < 2; ++i) engine.Accumulate(batch, {}, NoStop());
  REQUIRE_CLOSE(twice.flat(), once * 2, /*atol=*/1e-6, /*rtol=*/1e-6);
}

TEST(ImagesMayLieInMemoryInAnyOrder) {
  const Network network{Options(), kRows};
  ImageRnn model(network.options);
  FusedEngine engine = Fused(model);
  const Batch batch = BatchFor(network, 6);
  const torch::Tensor logits = LogitsOf(engine, batch.images);
  const torch::Tensor turned = batch.images.transpose(0, 1).contiguous().transpose(0, 1);
  const torch::Tensor part = torch::cat({batch.images, batch.images}, /*dim=*/2).narrow(2, kColumns, kColumns);
  for (const torch::Tensor& images : {turned, part}) {
    REQUIRE(!images.is_contiguous());
    REQUIRE_SAME(LogitsOf(engine, images), logits);
    const torch::Tensor labels = torch::stack({batch.labels, batch.labels}, /*dim=*/1).select(1, 0);
    REQUIRE(!labels.is_contiguous());
    REQUIRE_SAME(Accumulated(model, engine, {images, labels}, {}).gradient.flat(), Accumulated(model, engine, batch, {}).gradient.flat());
  }
}

// Every way in which this package changes parameters.
TEST(ParametersAreThoseThatTheModelHasNow) {
  const Network network{Options(), kRows};
  const torch::Tensor images = ImagesFor(network, 5);
  ImageRnn model(network.options);
  ImageRnn other(Options(/*seed=*/2));
  TorchEngine torch_engine(model);
  FusedEngine engine = Fused(model);
  TrainingState state(model.values());
  ParameterAverage average(model.values());
  const auto update = [&](UpdateRule rule) {
    state.gradients.flat().fill_(1);
    state.accumulated = 1;
    const torch::Tensor norm = AverageGradients(state);
    ApplyUpdate(model.values(), state, {.rule = rule}, /*learning_rate=*/0.1, norm, std::nullopt, Orthogonalize);
  };
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"load", [&] { model.values().Load(other.values().Copy()); }},
      {"adam", [&] { update(UpdateRule::kAdam); }},
      {"adamw", [&] { update(UpdateRule::kAdamW); }},
      {"muon", [&] { update(UpdateRule::kMuon); }},
      {"the average", [&] { average.ShowAverage(); }},
      {"the parameters again", [&] { average.ShowParameters(); }},
      {"a part in place", [&] { model.values().View(model.values().layout().entries[1]).add_(0.1); }},
      {"a move",
       [&] {
         model.MoveTo(torch::kCPU);
         model.values().flat().neg_();
       }},
  };
  torch::Tensor before = LogitsOf(engine, images);
  for (const auto& [name, change] : changes) {
    REQUIRE_SAME(LogitsOf(engine, images), before);
    change();
    const torch::Tensor logits = LogitsOf(engine, images);
    REQUIRE(!torch::equal(logits, before));
    REQUIRE_CLOSE(logits, LogitsOf(torch_engine, images), kLogitTolerance, kLogitTolerance);
    before = logits;
  }
}

TEST(BuffersThatWereReplacedAreNotUsed) {
  const Network network{Options(), kRows};
  const Batch batch = BatchFor(network, 5);
  ImageRnn model(network.options);
  FusedEngine engine = Fused(model);
  const torch::Tensor first = Accumulated(model, engine, batch, {}).gradient.flat();
  const torch::Tensor kept = first.clone();
  REQUIRE_SAME(Accumulated(model, engine, batch, {}).gradient.flat(), kept);
  REQUIRE_SAME(first, kept);
}

TEST(MuonsMatricesAreLibtorchs) {
  ImageRnn model(Options());
  FusedEngine engine = Fused(model);
  const torch::Tensor matrices = torch::arange(3 * 40 * 40, torch::kFloat32).square().mul(0.37).sin().reshape({3, 40, 40});
  // Absolute, of numbers up to 1, which five steps have rounded in another order. From double, the fused ones differ by 6e-7.
  REQUIRE_CLOSE(engine.Orthogonalize(matrices), Orthogonalize(matrices), /*atol=*/1e-5, 0);
  REQUIRE_SAME(engine.Orthogonalize(matrices.transpose(1, 2)), engine.Orthogonalize(matrices.transpose(1, 2).contiguous()));
  REQUIRE(engine.Orthogonalize(matrices.new_full({1, 8, 8}, std::numeric_limits<float>::quiet_NaN())).isnan().all().item<bool>());
}

// One engine for one batch, the other for the next.
class AlternatingEngine : public Engine {
 public:
  explicit AlternatingEngine(ImageRnn& model) : torch_(model), fused_(Fused(model)) {}
  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override { return Next().Logits(images, stop); }
  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override {
    return Next().Accumulate(batch, options, stop);
  }
  void UseGradients(const FlatTensors& gradients) override {
    torch_.UseGradients(gradients);
    fused_.UseGradients(gradients);
  }

 private:
  Engine& Next() {
    is_fused_ = !is_fused_;
    if (is_fused_) return fused_;
    return torch_;
  }

  TorchEngine torch_;
  FusedEngine fused_;
  bool is_fused_ = false;
};

TEST(EnginesCanTakeTurnsWithinAGroupOfBatches) {
  const auto data = sample::Data(2 * kBatches);
  for (const OptimizerOptions& options : {kPlain, kAll}) {
    const TrainingSnapshot expected = After(data, kGroups, options, -1);
    ImageRnn model(sample::Options());
    AlternatingEngine engine(model);
    Trainer trainer(model, engine, options);
    Run(trainer, data, kGroups, 0, -1);
    const TrainingSnapshot actual = trainer.Copy();
    REQUIRE_EQ(actual.updates, expected.updates);
    REQUIRE_EQ(actual.epoch_hits, expected.epoch_hits);
    REQUIRE_NEAR(actual.epoch_loss, expected.epoch_loss, 1e-4);
    for (size_t i = 0; i < expected.values.size(); ++i) {
      REQUIRE_CLOSE(actual.first[i].second, expected.first[i].second, /*atol=*/1e-6, /*rtol=*/0);
      // Adam divides by the gradient's own size, so a rounding of a small gradient grows; its steps are 1e-3.
      REQUIRE_CLOSE(actual.values[i].second, expected.values[i].second, /*atol=*/2e-6, /*rtol=*/0);
    }
  }
}

#ifndef _WIN32
TEST(EnvironmentChoosesTheInstructionSet) {
  for (const fused::InstructionSet& set : fused::InstructionSets()) {
    setenv("TORCH_RNN_MNIST_CPU", set.name, /*overwrite=*/1);
    REQUIRE_EQ(std::string(ReadFusedOptions().instruction_set->name), std::string(set.name));
  }
  setenv("TORCH_RNN_MNIST_CPU", "avx1024", /*overwrite=*/1);
  const Error error = REQUIRE_THROWS(kInvalidArgument, ReadFusedOptions());
  for (const std::string part : {"TORCH_RNN_MNIST_CPU", "avx1024", fused::InstructionSets().front().name}) {
    REQUIRE(std::string(error.what()).find(part) != std::string::npos);
  }
  unsetenv("TORCH_RNN_MNIST_CPU");
  REQUIRE(ReadFusedOptions().instruction_set == &fused::InstructionSets().front());
  REQUIRE(ReadFusedOptions().shares_blank_prefix);
  setenv("TORCH_RNN_MNIST_BLANK_PREFIX", "0", /*overwrite=*/1);
  REQUIRE(!ReadFusedOptions().shares_blank_prefix);
  unsetenv("TORCH_RNN_MNIST_BLANK_PREFIX");
}
#endif

}  // namespace
}  // namespace torch_rnn_mnist
