// Muon against the numbers that tests/fixtures/pytorch/make_muon.py took from PyTorch, and what makes it Muon.
#include "native/core/training/muon.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "native/core/training/update.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/reference.h"

namespace torch_rnn_mnist {
namespace {

const reference::Numbers& Fixture() {
  static const reference::Numbers numbers(MUON_NUMBERS);
  return numbers;
}

StateDict FixtureState(const ParameterLayout& layout, const std::string& group) {
  StateDict state;
  for (const auto& entry : layout.entries) state.emplace_back(entry.name, Fixture().Get(group + "/" + entry.name).to(torch::kFloat32));
  return state;
}

FlatTensors FixtureParameters() {
  ModelOptions options;
  options.input_size = static_cast<int64_t>(Fixture().Number("sizes/inputs"));
  options.hidden_size = static_cast<int64_t>(Fixture().Number("sizes/hidden"));
  options.num_layers = static_cast<int64_t>(Fixture().Number("sizes/layers"));
  options.num_classes = static_cast<int64_t>(Fixture().Number("sizes/classes"));
  FlatTensors values(std::make_shared<const ParameterLayout>(LayOut(options)), torch::kCPU);
  values.Load(FixtureState(values.layout(), "before"));
  return values;
}

OptimizerOptions FixtureOptions() {
  const torch::Tensor betas = Fixture().Get("options/betas");
  return {.rule = UpdateRule::kMuon,
          .beta1 = betas[0].item<double>(),
          .beta2 = betas[1].item<double>(),
          .weight_decay = Fixture().Number("options/weightDecay"),
          .momentum = Fixture().Number("options/momentum")};
}

// One update with these gradients of one sample.
void Update(FlatTensors& values, TrainingState& state, const OptimizerOptions& options, double rate,
            const std::optional<torch::Tensor>& found_inf = std::nullopt) {
  state.accumulated = 1;
  const torch::Tensor norm = AverageGradients(state);
  ApplyUpdate(values, state, options, rate, norm, found_inf, Orthogonalize);
}

TEST(UpdatesEqualPyTorchs) {
  constexpr double kTolerance = 5e-6;  // Absolute. Five steps of the iteration add up roundings of numbers of about 1.
  FlatTensors values = FixtureParameters();
  TrainingState state(values);
  for (const char* update : {"0", "1", "2"}) {
    state.gradients.Load(FixtureState(values.layout(), std::string("gradients/") + update));
    Update(values, state, FixtureOptions(), Fixture().Number("options/rate"));
    for (const auto& [name, value] : values.Copy()) {
      REQUIRE_CLOSE(value, Fixture().Get("after/" + std::string(update) + "/" + name), kTolerance, 0);
    }
  }
}

// The iteration brings the singular values that are not tiny to about 1, and keeps the singular vectors.
TEST(MatricesBecomeNearlyOrthogonal) {
  const torch::Tensor numbers = torch::arange(2 * 40 * 40, torch::kFloat64).mul(1.7).sin().reshape({2, 40, 40});
  const auto [u, s, vh] = torch::linalg_svd(numbers);
  const torch::Tensor singular = torch::linspace(0.02, 1, 40, torch::kFloat64);
  const torch::Tensor matrices = u.matmul(torch::diag(singular)).matmul(vh);
  const torch::Tensor rotated =
      u.transpose(1, 2).matmul(Orthogonalize(matrices.to(torch::kFloat32)).to(torch::kFloat64)).matmul(vh.transpose(1, 2));
  const torch::Tensor diagonal = torch::diagonal(rotated, 0, 1, 2);
  REQUIRE(diagonal.min().item<double>() > 0.6);
  REQUIRE(diagonal.max().item<double>() < 1.3);
  REQUIRE_CLOSE(rotated - torch::diag_embed(diagonal), torch::zeros_like(rotated), /*atol=*/1e-4, 0);
  REQUIRE_CLOSE(Orthogonalize(matrices.mul(1e6).to(torch::kFloat32)), Orthogonalize(matrices.to(torch::kFloat32)), /*atol=*/1e-3, 0);
}

TEST(NothingIsDividedByZero) {
  FlatTensors values = FixtureParameters();
  const torch::Tensor before = SplitForMuon(values).hidden.clone();
  TrainingState state(values);
  OptimizerOptions options = FixtureOptions();
  options.weight_decay = 0;
  Update(values, state, options, /*rate=*/1);
  REQUIRE_SAME(SplitForMuon(values).hidden, before);
}

TEST(FlaggedUpdatesOfMuonChangeNothing) {
  FlatTensors values = FixtureParameters();
  const torch::Tensor before = values.flat().clone();
  TrainingState state(values);
  state.gradients.flat().fill_(std::numeric_limits<float>::quiet_NaN());
  Update(values, state, FixtureOptions(), 0.1, torch::ones({}));
  REQUIRE_SAME(values.flat(), before);
  REQUIRE_SAME(state.first.flat(), torch::zeros_like(before));
  REQUIRE_SAME(state.second.flat(), torch::zeros_like(before));
}

// Without a flag there is another path; both must give the same numbers.
TEST(AFlagThatIsNotSetChangesNothing) {
  const auto updated = [](const std::optional<torch::Tensor>& found_inf) {
    FlatTensors values = FixtureParameters();
    TrainingState state(values);
    state.gradients.Load(FixtureState(values.layout(), "gradients/0"));
    Update(values, state, FixtureOptions(), 0.1, found_inf);
    return torch::cat({values.flat(), state.first.flat(), state.second.flat()});
  };
  REQUIRE_SAME(updated(torch::zeros({})), updated(std::nullopt));
}

TEST(OnlyMatricesBetweenHiddenStatesAreMuons) {
  FlatTensors values = FixtureParameters();
  int64_t hidden = 0;
  for (const auto& entry : values.layout().entries) {
    const bool is_hidden = entry.name.find("weight_hh") != std::string::npos || entry.name == "basic_rnn.weight_ih_l1";
    if (is_hidden)
      values.View(entry).fill_(7), ++hidden;
    else
      values.View(entry).fill_(1);
  }
  const MuonParts parts = SplitForMuon(values);
  REQUIRE_EQ(parts.hidden.size(0), hidden);
  REQUIRE_SAME(parts.hidden, torch::full_like(parts.hidden, 7));
  int64_t others = 0;
  for (const torch::Tensor& part : parts.others) {
    REQUIRE_SAME(part, torch::ones_like(part));
    others += part.numel();
  }
  REQUIRE_EQ(others + parts.hidden.numel(), values.flat().numel());
}

}  // namespace
}  // namespace torch_rnn_mnist
