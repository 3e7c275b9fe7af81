#include "tests/native/parity_numbers.h"

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>

#include <string_view>

#include "native/core/runtime/random.h"
#include "native/core/training/torch_engine.h"
#include "tests/native/float64_network.h"
#include "tests/native/sample_data.h"

namespace parity {
namespace {

constexpr double kHalfUnit = 1.0 / (1 << 24);  // In the last place of a float32 of 1.

torch::Tensor SumOfLosses(const torch::Tensor& logits, const Case& one) {
  const auto sum = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum).label_smoothing(one.label_smoothing);
  return torch::nn::functional::cross_entropy(logits, one.batch.labels, sum);
}

int64_t HitsOf(const torch::Tensor& logits, const Case& one) { return logits.argmax(/*dim=*/1).eq(one.batch.labels).sum().item<int64_t>(); }

}  // namespace

using torch_rnn_mnist::ImageRnn;

void UseOneTorchThread() { at::set_num_threads(1); }

std::vector<torch_rnn_mnist::fused::InstructionSet> SetsForLargeNetworks() {
  std::vector<torch_rnn_mnist::fused::InstructionSet> sets = torch_rnn_mnist::fused::InstructionSets();
  std::erase_if(sets, [](const auto& set) { return std::string_view(set.name) == "portable16"; });
  return sets;
}

Numbers ExactNumbers(const Case& one) {
  Float64Network network(one.options, one.values);
  const torch::Tensor logits = network.Forward(one.batch.images.to(torch::kFloat64), one.batch.lengths);
  const torch::Tensor loss = SumOfLosses(logits, one);
  loss.backward();
  return {logits.detach(), network.Gradients(), loss.item<double>(), HitsOf(logits, one)};
}

Numbers RoundedNumbers(const Case& one) {
  torch::Generator generator = torch_rnn_mnist::MakeGenerator(one.seed);
  const auto roundings = [&](const torch::Tensor& like) {
    return torch::rand(like.sizes(), generator, like.options().requires_grad(false)).mul(2).sub(1).mul(kHalfUnit);
  };
  Float64Network network(one.options, one.values);
  const auto state_of = [&](int64_t, const torch::Tensor& sum) {
    const torch::Tensor state = network.Activate(sum);
    return state * roundings(state).add(1);
  };
  const torch::Tensor logits = network.Unroll(one.batch.images.to(torch::kFloat64), state_of, one.batch.lengths);
  const torch::Tensor loss = SumOfLosses(logits, one);
  (loss + logits.mul(roundings(logits)).sum()).backward();
  return {logits.detach(), network.Gradients(), loss.item<double>(), HitsOf(logits, one)};
}

std::unique_ptr<ImageRnn> MakeModel(const Case& one) {
  auto model = std::make_unique<ImageRnn>(one.options);
  model->values().flat().copy_(one.values);
  return model;
}

Numbers NumbersOf(torch_rnn_mnist::Engine& engine, ImageRnn& model, const Case& one) {
  const torch_rnn_mnist::FlatTensors gradients = model.values().ZerosLike();
  engine.UseGradients(gradients);
  const torch::Tensor logits = engine.Logits(one.batch.sequences(), sample::NoStop()).detach();
  const torch_rnn_mnist::BatchSums sums = engine.Accumulate(one.batch, {one.label_smoothing}, sample::NoStop());
  return {logits, gradients.flat(), sums.loss.item<double>(), sums.hits.item<int64_t>()};
}

Numbers TorchNumbers(const Case& one) {
  const auto model = MakeModel(one);
  torch_rnn_mnist::TorchEngine engine(*model);
  return NumbersOf(engine, *model, one);
}

Numbers FusedNumbers(const Case& one, const torch_rnn_mnist::FusedOptions& options) {
  const auto model = MakeModel(one);
  torch_rnn_mnist::FusedEngine engine(*model, options, one.threads);
  return NumbersOf(engine, *model, one);
}

}  // namespace parity
