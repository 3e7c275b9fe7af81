// Computation in bfloat16 against the numbers that tests/fixtures/pytorch/make_bfloat16.py took from PyTorch's autocast on the CPU.
//
// Tolerances: processors with instructions for bfloat16 sum in another order than those without. With PyTorch itself, three instruction
// sets gave the same logits, norms of gradients within 1e-4 of each other, and the first five losses within 6e-4. In float32 the logits
// differ from these by 0.02, norms by 8e-3 and losses by 0.018, so that a computation in float32 would not pass.
#include <string>
#include <vector>

#include "native/core/runtime/precision.h"
#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/reference.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kBatch = 128;  // As in the script.
constexpr int64_t kUpdates = 5;  // Training is chaotic.
constexpr double kLogitTolerance = 0.004;
constexpr double kNormTolerance = 1e-3;  // Relative.
constexpr double kLossTolerance = 2e-3;  // Relative.

const reference::Numbers& Fixture() {
  static const reference::Numbers numbers(BFLOAT16_NUMBERS);
  return numbers;
}

ModelOptions InBfloat16(ModelOptions options) {
  options.precision = Precision::kBfloat16;
  return options;
}

bool IsBfloat16(const torch::Tensor& values) { return torch::equal(values, values.to(torch::kBFloat16).to(torch::kFloat32)); }

TEST(Bfloat16LogitsEqualAutocasts) {
  const auto data = reference::MnistTraining(kBatch);
  ImageRnn model(InBfloat16({}));
  reference::SetFormulaWeights(model);
  const torch::Tensor logits = sample::Infer(model, data->storage().cpu().images);
  REQUIRE(logits.scalar_type() == torch::kFloat32);
  REQUIRE(IsBfloat16(logits));
  REQUIRE_CLOSE(logits, Fixture().Get("logits"), kLogitTolerance, /*rtol=*/0);
}

TEST(Bfloat16GradientsEqualAutocasts) {
  const auto data = reference::MnistTraining(kBatch);
  ImageRnn model(InBfloat16({}));
  reference::SetFormulaWeights(model);
  FlatTensors sums = model.values().ZerosLike();
  TorchEngine engine(model);
  engine.UseGradients(sums);
  engine.Accumulate(Batches(*data, torch::kCPU, kBatch).Get(0), LossOptions{}, sample::NoStop());
  for (const auto& [name, sum] : sums.Copy()) {
    const double norm = Fixture().Number("gradientNorms/" + name);
    REQUIRE_NEAR(sum.to(torch::kFloat64).norm().item<double>() / kBatch, norm, kNormTolerance * norm);
  }
}

TEST(TheFirstBfloat16LossesEqualAutocasts) {
  const auto data = reference::MnistTraining(kBatch * kUpdates);
  ImageRnn model(InBfloat16({}));
  reference::SetFormulaWeights(model);
  std::vector<double> losses;
  sample::Training(model).RunEpoch(data, sample::Epoch{.batch_size = kBatch},
                                   [&](const TrainProgress& progress) { losses.push_back(progress.batch_loss); });
  REQUIRE_CLOSE(torch::tensor(losses, torch::kFloat64), Fixture().Get("losses").narrow(0, 0, kUpdates), /*atol=*/0, kLossTolerance);
  REQUIRE(!IsBfloat16(model.values().flat()));  // The parameters are not rounded.
}

// Of the gradients of a few samples: the sum over batches is in float32.
TEST(Bfloat16GradientsAreSummedInFloat32) {
  ImageRnn model(InBfloat16(sample::Options()));
  FlatTensors sums = model.values().ZerosLike();
  TorchEngine engine(model);
  engine.UseGradients(sums);
  const auto data = sample::Data(8);
  const Batches batches(*data, torch::kCPU, 4);
  engine.Accumulate(batches.Get(0), LossOptions{}, sample::NoStop());
  REQUIRE(IsBfloat16(sums.flat()));
  const torch::Tensor first = sums.flat().clone();
  sums.flat().zero_();
  engine.Accumulate(batches.Get(1), LossOptions{}, sample::NoStop());
  const torch::Tensor second = sums.flat().clone();
  engine.Accumulate(batches.Get(0), LossOptions{}, sample::NoStop());
  REQUIRE_SAME(sums.flat(), second + first);
}

TEST(BothNonlinearitiesComputeInBfloat16) {
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    ModelOptions options = sample::Options();
    options.nonlinearity = nonlinearity;
    ImageRnn exact(options);
    ImageRnn rounded(InBfloat16(options));
    const torch::Tensor expected = sample::Infer(exact, sample::Images(5));
    const torch::Tensor logits = sample::Infer(rounded, sample::Images(5));
    REQUIRE_CLOSE(logits, expected, /*atol=*/0.02, /*rtol=*/0.02);  // A few roundings of 2^-9 each.
    REQUIRE(IsBfloat16(logits) && !IsBfloat16(expected));
  }
}

TEST(HooksInBfloat16SeeTheLogits) {
  ImageRnn model(InBfloat16(sample::Options()));
  torch::Tensor states;
  torch::Tensor seen;
  model.hooks().Set(HookedModule::kBasicRnn, [&](const ForwardEvent& event) { states = event.outputs[0]; });
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent& event) { seen = event.outputs[0]; });
  const torch::Tensor logits = sample::Infer(model, sample::Images(3));
  REQUIRE_SAME(seen, logits);
  REQUIRE(states.scalar_type() == torch::kBFloat16);
}

TEST(EveryDeviceComputesInFloat32AndTheCpuInAll) {
  for (const Precision precision : {Precision::kFloat32, Precision::kTf32, Precision::kBfloat16}) {
    CheckPrecision(precision, torch::Device(torch::kCPU));
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
