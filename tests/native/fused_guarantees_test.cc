// What a user of the fused engine may rely on besides the accuracy of its numbers, with every instruction set.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "native/core/training/torch_engine.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/parity_cases.h"
#include "tests/native/parity_numbers.h"
#include "tests/native/sample_data.h"

namespace parity {
namespace {

using torch_rnn_mnist::FlatTensors;
using torch_rnn_mnist::FusedEngine;
using torch_rnn_mnist::FusedOptions;
using torch_rnn_mnist::ImageRnn;
using torch_rnn_mnist::ModelOptions;
using torch_rnn_mnist::Nonlinearity;
using torch_rnn_mnist::ParameterLayout;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Every instruction set, with and without the shared blank prefix.
std::vector<FusedOptions> EveryWay() {
  std::vector<FusedOptions> ways;
  for (const auto& set : torch_rnn_mnist::fused::InstructionSets()) {
    for (const bool shares_blank_prefix : {true, false}) ways.push_back({&set, shares_blank_prefix});
  }
  return ways;
}

Case CaseFor(Nonlinearity nonlinearity) {
  return DrawCase(/*seed=*/1, nonlinearity, {.hidden_sizes = {41}, .class_numbers = {5}, .work = 1'000'000});
}

void CheckSameBits(const Numbers& actual, const Numbers& expected) {
  REQUIRE_SAME(actual.logits, expected.logits);
  REQUIRE_SAME(actual.gradients, expected.gradients);
  REQUIRE_EQ(actual.loss, expected.loss);
  REQUIRE_EQ(actual.hits, expected.hits);
}

// Which thread computes what, and when, must not matter.
TEST(RepeatedCallsGiveTheSameBits) {
  for (const FusedOptions& options : EveryWay()) {
    for (int threads = 1; threads <= 4; ++threads) {
      Case one = CaseFor(Nonlinearity::kTanh);
      one.threads = threads;
      const Numbers first = FusedNumbers(one, options);
      const auto model = MakeModel(one);
      FusedEngine engine(*model, options, threads);
      for (int i = 0; i < 5; ++i) CheckSameBits(NumbersOf(engine, *model, one), first);
      engine.Rest();
      CheckSameBits(NumbersOf(engine, *model, one), first);
    }
  }
}

// What earlier batches have left in memory has no effect, whatever their number of samples and steps: here NaN.
TEST(EarlierBatchesLeaveNothingBehind) {
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    const Case one = CaseFor(nonlinearity);
    for (const FusedOptions& options : EveryWay()) {
      const Numbers expected = FusedNumbers(one, options);
      const auto model = MakeModel(one);
      FusedEngine engine(*model, options, one.threads);
      const int64_t samples = one.batch.size();
      const int64_t steps = one.batch.images.size(1);
      for (const int64_t other_samples : {int64_t{1}, samples / 2 + 1, 3 * samples}) {
        for (const int64_t other_steps : {int64_t{1}, steps / 2 + 1, 3 * steps}) {
          Case other = one;
          other.batch.images = torch::full({other_samples, other_steps, one.options.input_size}, kNan);
          other.batch.labels = torch::zeros({other_samples}, torch::kInt64);
          REQUIRE(std::isnan(NumbersOf(engine, *model, other).loss));
          CheckSameBits(NumbersOf(engine, *model, one), expected);
        }
      }
    }
  }
}

TEST(AccumulateAddsToTheGradients) {
  for (const FusedOptions& options : EveryWay()) {
    const Case one = CaseFor(Nonlinearity::kTanh);
    const Case two = [&] {
      Case other = one;
      other.batch = {one.batch.images.flip(0).contiguous().mul(0.5), one.batch.labels.flip(0).contiguous()};
      return other;
    }();
    const torch::Tensor before = torch::linspace(-3, 3, one.values.numel());
    const auto model = MakeModel(one);
    const FlatTensors gradients = model->values().ZerosLike();
    gradients.flat().copy_(before);
    FusedEngine engine(*model, options, one.threads);
    engine.UseGradients(gradients);
    for (const Case* part : {&one, &two}) engine.Accumulate(part->batch, {part->label_smoothing}, sample::NoStop());
    const torch::Tensor sum = before + FusedNumbers(one, options).gradients + FusedNumbers(two, options).gradients;
    REQUIRE(sum.sub(before).abs().max().item<double>() > 0.1);
    // Sums of a few float32 numbers, in another order.
    REQUIRE_CLOSE(gradients.flat(), sum, /*atol=*/2e-6, /*rtol=*/1e-6);
  }
}

// An update changes the parameters where they are.
TEST(ChangedParametersAreTaken) {
  for (const FusedOptions& options : EveryWay()) {
    Case one = CaseFor(Nonlinearity::kTanh);
    const auto model = MakeModel(one);
    FusedEngine engine(*model, options, one.threads);
    CheckSameBits(NumbersOf(engine, *model, one), FusedNumbers(one, options));
    for (const ParameterLayout::Entry& entry : model->values().layout().entries) {
      one.values = one.values.clone();
      FlatTensors::ViewOf(one.values, entry).flatten()[-1].add_(0.5);
      model->values().flat().copy_(one.values);
      CheckSameBits(NumbersOf(engine, *model, one), FusedNumbers(one, options));
    }
  }
}

// Without biases the states of a blank image are exactly 0. There PyTorch's derivative of ReLU is 0.
TEST(ReluHasNoGradientAtZero) {
  const Case whole = CaseFor(Nonlinearity::kRelu);
  for (const FusedOptions& options : EveryWay()) {
    Case one = whole;
    one.values = whole.values.clone();
    one.batch.images = torch::zeros_like(whole.batch.images);
    for (const ParameterLayout::Entry& entry : torch_rnn_mnist::LayOut(one.options).entries) {
      if (entry.name.find("basic_rnn.bias") == 0) FlatTensors::ViewOf(one.values, entry).zero_();
    }
    one.label_smoothing = 0;
    const Numbers numbers = FusedNumbers(one, options);
    REQUIRE(numbers.gradients.ne(0).any().item<bool>());  // Of the linear layer's bias.
    for (const ParameterLayout::Entry& entry : torch_rnn_mnist::LayOut(one.options).entries) {
      if (entry.name == "FC.bias") continue;
      REQUIRE(FlatTensors::ViewOf(numbers.gradients, entry).eq(0).all().item<bool>());
    }
  }
}

TEST(OfEqualLogitsTheFirstCounts) {
  for (const FusedOptions& options : EveryWay()) {
    Case one = CaseFor(Nonlinearity::kTanh);
    for (const ParameterLayout::Entry& entry : torch_rnn_mnist::LayOut(one.options).entries) {
      if (entry.name.find("FC.") == 0) FlatTensors::ViewOf(one.values, entry).fill_(0.25);
    }
    const Numbers numbers = FusedNumbers(one, options);
    REQUIRE_EQ(numbers.hits, one.batch.labels.eq(0).sum().item<int64_t>());
    const double expected = static_cast<double>(one.batch.size()) * std::log(static_cast<double>(one.options.num_classes));
    REQUIRE_NEAR(numbers.loss, expected, 1e-6 * expected);
  }
}

// A case of a few samples and steps without any zero, and without label smoothing, which would make NaN of infinite logits.
Case CaseWithInk(Nonlinearity nonlinearity) {
  Case one = CaseFor(nonlinearity);
  const int64_t samples = 5;
  const int64_t steps = 4;
  const torch::Tensor numbers = torch::arange(samples * steps * one.options.input_size, torch::kFloat32);
  one.batch.images = numbers.mul(0.37).frac().add(0.1).view({samples, steps, one.options.input_size});
  one.batch.labels = torch::arange(samples).remainder(one.options.num_classes);
  one.label_smoothing = 0;
  return one;
}

// Loss and gradients are finite or not as TorchEngine's are, and finite logits agree.
void CheckFiniteAlike(const Case& one, const Numbers& expected, const FusedOptions& options) {
  const Numbers numbers = FusedNumbers(one, options);
  const auto is_finite = [](const Numbers& of) { return std::isfinite(of.loss) && of.gradients.isfinite().all().item<bool>(); };
  REQUIRE_EQ(is_finite(numbers), is_finite(expected));
  if (!expected.logits.isfinite().all().item<bool>()) return;
  const double largest = expected.logits.abs().max().item<double>();
  REQUIRE_CLOSE(numbers.logits, expected.logits, 1e-5 * largest, 1e-5);
}

// So the trainer sees it. What is infinite may reach the gradients only: a state of 0 takes no part in a product, where libtorch has
// 0 * infinity, which is NaN.
TEST(ParametersThatAreNotFiniteReachTheLossOrTheGradients) {
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    Case one = CaseWithInk(nonlinearity);
    const torch::Tensor whole = one.values;
    for (const ParameterLayout::Entry& entry : torch_rnn_mnist::LayOut(one.options).entries) {
      for (const int64_t index : {0, -1}) {
        for (const float value : {kNan, kInfinity, -kInfinity}) {
          one.values = whole.clone();
          FlatTensors::ViewOf(one.values, entry).flatten()[index].fill_(value);
          const Numbers expected = TorchNumbers(one);
          for (const FusedOptions& options : EveryWay()) {
            if (std::isnan(value)) REQUIRE(std::isnan(FusedNumbers(one, options).loss));
            CheckFiniteAlike(one, expected, options);
          }
        }
      }
    }
  }
}

// A single such value in one of the samples.
TEST(ImagesThatAreHugeOrNotFiniteDoWhatTheyDoInTorch) {
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    Case one = CaseWithInk(nonlinearity);
    for (const float value : {kNan, kInfinity, -kInfinity, 1e30F, -3e38F}) {
      one.batch.images[-1][-1][-1].fill_(value);
      const Numbers expected = TorchNumbers(one);
      for (const FusedOptions& options : EveryWay()) CheckFiniteAlike(one, expected, options);
    }
  }
}

// With tanh, any numbers are possible inputs: bytes that were not scaled, or much larger. All states are then 1 or -1, where the derivative
// is 0, and the gradients stay as small as they are.
TEST(HugeImagesSaturateTanh) {
  for (const FusedOptions& options : EveryWay()) {
    for (const double size : {1e3, 1e6, 1e30}) {
      Case one = CaseWithInk(Nonlinearity::kTanh);
      one.batch.images = one.batch.images.mul(size);
      const Numbers expected = TorchNumbers(one);
      const Numbers numbers = FusedNumbers(one, options);
      REQUIRE_CLOSE(numbers.logits, expected.logits, 1e-5, 1e-5);
      for (const ParameterLayout::Entry& entry : torch_rnn_mnist::LayOut(one.options).entries) {
        const torch::Tensor gradient = FlatTensors::ViewOf(expected.gradients, entry);
        const double largest = gradient.abs().max().item<double>();
        REQUIRE_CLOSE(FlatTensors::ViewOf(numbers.gradients, entry), gradient, 1e-3 * largest + 1e-4, 0);
      }
    }
  }
}

}  // namespace
}  // namespace parity
