// One update against the formulas of torch.optim and torch.nn.utils.clip_grad_norm_, written out in double precision.
#include "native/core/training/update.h"

#include <cmath>
#include <memory>
#include <vector>

#include "native/core/training/parameter_average.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"

namespace torch_rnn_mnist {
namespace {

constexpr double kTolerance = 1e-6;  // Absolute. A few roundings to float32 of values of about 1.
constexpr int64_t kValues = 40;

FlatTensors Tensors(const torch::Tensor& values) {
  ParameterLayout layout;
  layout.entries.push_back({"values", {values.numel()}, 0});
  layout.size = values.numel();
  FlatTensors tensors(std::make_shared<const ParameterLayout>(layout), torch::kCPU);
  tensors.flat().copy_(values);
  return tensors;
}

// Numbers without visible pattern, from -1 to 1, in double precision but exact in float32.
torch::Tensor Numbers(double phase) {
  return torch::arange(kValues, torch::kFloat64).mul(1.7).add(phase).sin().to(torch::kFloat32).to(torch::kFloat64);
}

struct Expected {
  torch::Tensor values;
  torch::Tensor first = torch::zeros(kValues, torch::kFloat64);
  torch::Tensor second = torch::zeros(kValues, torch::kFloat64);
  double norm = 0;
};

// Update number `step` (from 1) with the mean gradient.
void UpdateByHand(Expected& state, torch::Tensor gradient, const OptimizerOptions& options, double rate, int64_t step) {
  state.norm = gradient.norm().item<double>();
  if (options.clip_grad_norm > 0) gradient = gradient * std::min(1.0, options.clip_grad_norm / (state.norm + 1e-6));
  if (options.rule == UpdateRule::kAdam) gradient = gradient + options.weight_decay * state.values;
  if (options.rule == UpdateRule::kAdamW) state.values = state.values * (1 - rate * options.weight_decay);
  state.first = options.beta1 * state.first + (1 - options.beta1) * gradient;
  state.second = options.beta2 * state.second + (1 - options.beta2) * gradient * gradient;
  const torch::Tensor mean = state.first / (1 - std::pow(options.beta1, step));
  const torch::Tensor square = state.second / (1 - std::pow(options.beta2, step));
  state.values = state.values - rate * mean / (square.sqrt() + 1e-8);
}

// Several updates, each with a gradient of its own, summed over four samples.
void CheckAgainstFormulas(const OptimizerOptions& options) {
  constexpr double kRate = 0.01;
  constexpr int64_t kSamples = 4;
  FlatTensors values = Tensors(Numbers(0));
  TrainingState state(values);
  Expected expected{Numbers(0)};
  for (int64_t step = 1; step <= 5; ++step) {
    const torch::Tensor gradient = Numbers(static_cast<double>(step)) * 0.3;
    state.gradients.flat().copy_(gradient * kSamples);
    state.accumulated = kSamples;
    const torch::Tensor norm = AverageGradients(state);
    ApplyUpdate(values, state, options, kRate, norm, std::nullopt, Orthogonalize);
    UpdateByHand(expected, gradient, options, kRate, step);
    REQUIRE_NEAR(norm.item<double>(), expected.norm, kTolerance);
    REQUIRE_CLOSE(values.flat(), expected.values, kTolerance, 0);
    REQUIRE_EQ(state.updates, step);
  }
  REQUIRE_CLOSE(state.first.flat(), expected.first, kTolerance, 0);
  REQUIRE_CLOSE(state.second.flat(), expected.second, kTolerance, 0);
}

TEST(UpdatesAreAdams) { CheckAgainstFormulas({}); }

TEST(UpdatesTakeTheBetas) { CheckAgainstFormulas({.beta1 = 0.5, .beta2 = 0.9}); }

TEST(AdamsWeightDecayIsPartOfTheGradient) { CheckAgainstFormulas({.weight_decay = 0.3}); }

TEST(AdamWsWeightDecayIsApart) { CheckAgainstFormulas({.rule = UpdateRule::kAdamW, .weight_decay = 0.3}); }

TEST(LargeGradientsAreClipped) { CheckAgainstFormulas({.clip_grad_norm = 0.5}); }

TEST(WeightDecayComesAfterClipping) { CheckAgainstFormulas({.weight_decay = 0.3, .clip_grad_norm = 0.5}); }

// One update that starts from zeros; Adam's first moment is a tenth of the gradient that it gets.
torch::Tensor GradientAfterClipping(const torch::Tensor& gradient, double largest) {
  FlatTensors values = Tensors(torch::zeros(gradient.numel()));
  TrainingState state(values);
  state.gradients.flat().copy_(gradient);
  state.accumulated = 1;
  const torch::Tensor norm = AverageGradients(state);
  ApplyUpdate(values, state, {.clip_grad_norm = largest}, /*learning_rate=*/0, norm, std::nullopt, Orthogonalize);
  return state.first.flat() * 10;
}

TEST(ClippingKeepsTheDirectionAndLeavesSmallGradientsAlone) {
  const torch::Tensor gradient = torch::tensor({3.0F, 0.0F, -4.0F});  // Norm 5.
  REQUIRE_CLOSE(GradientAfterClipping(gradient, 0.5), gradient * 0.1, kTolerance, 0);
  // As in PyTorch, the epsilon of 1e-6 scales a gradient of exactly the largest norm by 5 / 5.000001.
  REQUIRE_CLOSE(GradientAfterClipping(gradient, 5), gradient * (5 / 5.000001), /*atol=*/5e-7, 0);  // Two units in the last place.
  REQUIRE_SAME(GradientAfterClipping(gradient, 5.1), GradientAfterClipping(gradient, 0));
  REQUIRE_CLOSE(GradientAfterClipping(torch::zeros(3), 1), torch::zeros(3), 0, 0);
}

TEST(FlaggedUpdatesChangeNothing) {
  for (const UpdateRule rule : {UpdateRule::kAdam, UpdateRule::kAdamW}) {
    FlatTensors values = Tensors(Numbers(0));
    TrainingState state(values);
    state.gradients.flat().fill_(std::nan(""));
    state.accumulated = 1;
    const torch::Tensor norm = AverageGradients(state);
    ApplyUpdate(values, state, {.rule = rule, .weight_decay = 0.1, .clip_grad_norm = 1}, 0.1, norm, torch::ones({}), Orthogonalize);
    REQUIRE_SAME(values.flat(), Numbers(0).to(torch::kFloat32));
    REQUIRE_SAME(state.first.flat(), torch::zeros(kValues));
    REQUIRE_SAME(state.second.flat(), torch::zeros(kValues));
  }
}

// Sets what the network holds while it holds the parameters, and follows it.
void Train(ParameterAverage& average, FlatTensors& values, const torch::Tensor& parameters, double decay) {
  average.ShowParameters();
  values.flat().copy_(parameters);
  average.Follow(decay, std::nullopt);
  average.ShowAverage();
}

TEST(AverageFollowsTheParameters) {
  constexpr double kDecay = 0.8;
  FlatTensors values = Tensors(Numbers(0));
  ParameterAverage average(values);
  torch::Tensor expected = Numbers(0);
  for (double step = 1; step <= 5; ++step) {
    Train(average, values, Numbers(step), kDecay);
    expected = kDecay * expected + (1 - kDecay) * Numbers(step);
    REQUIRE_CLOSE(values.flat(), expected, kTolerance, 0);  // The network holds the average.
    REQUIRE_SAME(average.parameters().flat(), Numbers(step).to(torch::kFloat32));
  }
  average.ShowParameters();
  REQUIRE_SAME(values.flat(), Numbers(5).to(torch::kFloat32));
}

TEST(AverageWithDecayZeroIsTheParameters) {
  FlatTensors values = Tensors(Numbers(0));
  ParameterAverage average(values);
  Train(average, values, Numbers(1), /*decay=*/0);
  REQUIRE_SAME(values.flat(), Numbers(1).to(torch::kFloat32));
}

TEST(ValuesThatTheNetworkIsGivenAreParametersAndAverage) {
  FlatTensors values = Tensors(Numbers(0));
  ParameterAverage average(values);
  Train(average, values, Numbers(1), 0.5);
  // Even the same values as those of the average: the parameters were others.
  values.Load({{"values", average.average().flat().clone()}});
  average.TakeNewValues();
  REQUIRE_SAME(average.parameters().flat(), average.average().flat());
  Train(average, values, Numbers(2), 0.5);
  values.flat().fill_(3);
  average.ShowParameters();
  REQUIRE_SAME(values.flat(), torch::full({kValues}, 3.0F));
  REQUIRE_SAME(average.average().flat(), torch::full({kValues}, 3.0F));
}

TEST(AverageIsShownAgainWhenAnExceptionFlies) {
  FlatTensors values = Tensors(Numbers(0));
  std::optional<ParameterAverage> average(std::in_place, values);
  Train(*average, values, Numbers(1), 0.5);
  const torch::Tensor shown = values.flat().clone();
  try {
    const ParametersShown parameters(average);
    REQUIRE_SAME(values.flat(), Numbers(1).to(torch::kFloat32));
    throw Error(kOutOfMemory, "Not enough memory.");
  } catch (const Error&) {
    REQUIRE_SAME(values.flat(), shown);
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
