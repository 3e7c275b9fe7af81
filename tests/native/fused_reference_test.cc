// Hidden states and trainings of the fused engine, with every instruction set, against numbers that
// tests/fixtures/pytorch/make_reference.py and make_low_rate.py took from PyTorch.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "native/core/training/fused_engine.h"
#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/parity_numbers.h"
#include "tests/native/reference.h"
#include "tests/native/sample_data.h"
#include "tests/native/sanitizers.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kBatch = 128;  // As in the script.
constexpr int64_t kSteps = 28;
constexpr int64_t kLayers = 3;
// States are sums of some hundred products of numbers up to 1; with ReLU they are larger, and relative. A norm is over thousands of them.
constexpr double kStateTolerance = 1e-5;
constexpr double kNormTolerance = 1e-6;

struct Network {
  std::string name;
  Nonlinearity nonlinearity;
  // Of the losses at a low rate, relative: there, trainings are not chaotic. With ReLU the logits of these weights are in the hundreds; and
  // in double precision, PyTorch's own losses would be others by up to 6e-6, because roundings of probabilities near 1 decide the signs of
  // Adam's first steps.
  double loss_tolerance;
};
const std::vector<Network> kNetworks = {{"tanh", Nonlinearity::kTanh, 1e-6}, {"relu", Nonlinearity::kRelu, 1e-5}};

// The engine shows no states. But the logits of a network whose linear layer is the identity are its last states; and the first rows of
// images, and the first layers of a network, have the states that they have in the whole.
//
// The states of the layer `layers` - 1 after `steps` rows: [N, H].
torch::Tensor StatesAfter(int64_t layers, int64_t steps, Nonlinearity nonlinearity, const fused::InstructionSet& set) {
  static const torch::Tensor images = ScaleImages(reference::MnistTraining(kBatch)->storage().cpu().images);
  ModelOptions options;
  options.num_layers = layers;
  options.nonlinearity = nonlinearity;
  options.num_classes = options.hidden_size;
  ImageRnn model(options);
  reference::SetFormulaWeights(model);
  StateDict state = model.values().Copy();
  for (auto& [name, value] : state) {
    if (name == "FC.weight") value = torch::eye(options.hidden_size);
    if (name == "FC.bias") value = torch::zeros({options.hidden_size});
  }
  model.values().Load(state);
  FusedEngine engine(model, {&set, /*shares_blank_prefix=*/true}, /*threads=*/2);
  return engine.Logits(images.narrow(1, 0, steps).contiguous(), sample::NoStop());
}

double Norm(const torch::Tensor& values) { return values.to(torch::kFloat64).norm().item<double>(); }

TEST(FusedHiddenStatesEqualPyTorchs) {
  parity::UseOneTorchThread();
  const reference::Numbers numbers(PYTORCH_NUMBERS);
  for (const fused::InstructionSet& set : parity::SetsForLargeNetworks()) {
    for (const auto& [network, nonlinearity, _] : kNetworks) {
      const torch::Tensor of_steps = numbers.Get(network + "/outputNormPerStep");
      for (const int64_t steps : {1, 2, 9, 20}) {
        const double expected = of_steps[steps - 1].item<double>();
        REQUIRE_NEAR(Norm(StatesAfter(kLayers, steps, nonlinearity, set)), expected, kNormTolerance * expected);
      }
      const torch::Tensor of_layers = numbers.Get(network + "/finalStateNormPerLayer");
      for (int64_t layers = 1; layers <= kLayers; ++layers) {
        const double expected = of_layers[layers - 1].item<double>();
        REQUIRE_NEAR(Norm(StatesAfter(layers, kSteps, nonlinearity, set)), expected, kNormTolerance * expected);
      }
      const torch::Tensor shown = numbers.Get(network + "/outputSample0LastStep");
      REQUIRE_CLOSE(StatesAfter(kLayers, kSteps, nonlinearity, set)[0].narrow(0, 0, shown.size(0)), shown, kStateTolerance,
                    kStateTolerance);
    }
  }
}

// The portable set is several times as slow as the others.
int64_t UpdatesWith(const fused::InstructionSet& set) {
  if (kSanitized) return 2;  // The second reads all that the first one wrote.
  return std::string_view(set.name) == "portable" ? 5 : 50;
}

TEST(FusedLossesAtALowRateEqualPyTorchs) {
  parity::UseOneTorchThread();
  const reference::Numbers numbers(LOW_RATE_NUMBERS);
  for (const fused::InstructionSet& set : parity::SetsForLargeNetworks()) {
    const int64_t updates = UpdatesWith(set);
    for (const auto& [network, nonlinearity, tolerance] : kNetworks) {
      ModelOptions options;
      options.nonlinearity = nonlinearity;
      ImageRnn model(options);
      reference::SetFormulaWeights(model);
      FusedEngine engine(model, {&set, /*shares_blank_prefix=*/true}, /*threads=*/2);
      Trainer trainer(model, engine);
      std::vector<double> losses;
      const auto data = reference::MnistTraining(kBatch * updates);
      const sample::Epoch epoch{.batch_size = kBatch, .learning_rate = numbers.Number("rate")};
      trainer.Run(data, sample::Batches(*data, epoch), sample::NoStop(),
                  [&](const TrainProgress& progress) { losses.push_back(progress.batch_loss); });
      const torch::Tensor expected = numbers.Get(network + "/losses").narrow(0, 0, updates);
      REQUIRE_CLOSE(torch::tensor(losses, torch::kFloat64), expected, /*atol=*/0, tolerance);
    }
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
