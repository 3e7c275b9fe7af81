#include <functional>
#include <string>
#include <vector>

#include "native/core/model/image_rnn.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

torch::Tensor FloatImages(int64_t count) { return ScaleImages(sample::Images(count)); }

void CheckSameState(const StateDict& actual, const StateDict& expected) {
  REQUIRE_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    REQUIRE_EQ(actual[i].first, expected[i].first);
    REQUIRE_SAME(actual[i].second, expected[i].second);
  }
}

TEST(ParametersHavePyTorchsNamesOrderAndShapes) {
  ModelOptions options = sample::Options();
  options.num_layers = 2;
  const std::vector<std::pair<std::string, std::vector<int64_t>>> expected = {{"basic_rnn.weight_ih_l0", {6, 5}},
                                                                              {"basic_rnn.weight_hh_l0", {6, 6}},
                                                                              {"basic_rnn.bias_ih_l0", {6}},
                                                                              {"basic_rnn.bias_hh_l0", {6}},
                                                                              {"basic_rnn.weight_ih_l1", {6, 6}},
                                                                              {"basic_rnn.weight_hh_l1", {6, 6}},
                                                                              {"basic_rnn.bias_ih_l1", {6}},
                                                                              {"basic_rnn.bias_hh_l1", {6}},
                                                                              {"FC.weight", {3, 6}},
                                                                              {"FC.bias", {3}}};
  const StateDict state = ImageRnn(options).values().Copy();
  REQUIRE_EQ(state.size(), expected.size());
  for (size_t i = 0; i < state.size(); ++i) {
    REQUIRE_EQ(state[i].first, expected[i].first);
    REQUIRE_EQ(state[i].second.sizes().vec(), expected[i].second);
    REQUIRE(!state[i].second.requires_grad());
  }
}

TEST(UnknownChoicesAreRefusedRatherThanTakenForAnotherOne) {
  ModelOptions nonlinearity = sample::Options();
  nonlinearity.nonlinearity = static_cast<Nonlinearity>(7);
  REQUIRE_THROWS(kInvalidArgument, ImageRnn(nonlinearity));
  ModelOptions start = sample::Options();
  start.recurrent_init = static_cast<RecurrentInit>(7);
  REQUIRE_THROWS(kInvalidArgument, ImageRnn(start));
}

// One layer written out: h = tanh(W_ih x + b_ih + W_hh h + b_hh) for each row, then W h + b.
TEST(ForwardFollowsTheElmanEquations) {
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    ModelOptions options = sample::Options();
    options.num_layers = 1;
    options.nonlinearity = nonlinearity;
    options.recurrent_init = RecurrentInit::kUniform;
    ImageRnn model(options);
    const StateDict p = model.values().Copy();
    const torch::Tensor images = FloatImages(3);
    torch::Tensor hidden = torch::zeros({3, sample::kHidden});
    for (int64_t row = 0; row < sample::kRows; ++row) {
      const torch::Tensor sum = images.select(1, row).matmul(p[0].second.t()) + p[2].second + hidden.matmul(p[1].second.t()) + p[3].second;
      hidden = nonlinearity == Nonlinearity::kTanh ? sum.tanh() : sum.relu();
    }
    // Sums of a dozen numbers around 1, in another order.
    REQUIRE_CLOSE(sample::Forward(model, images), hidden.matmul(p[4].second.t()) + p[5].second, /*atol=*/1e-6, /*rtol=*/1e-6);
  }
}

TEST(ForwardTakesAnyNumberOfSamplesAndRows) {
  ImageRnn model(sample::Options());
  for (const int64_t samples : {1, 7}) {
    for (const int64_t rows : {1, 28}) {
      REQUIRE_EQ(sample::Forward(model, torch::rand({samples, rows, sample::kColumns})).sizes().vec(),
                 (std::vector<int64_t>{samples, sample::kClasses}));
    }
  }
}

TEST(SamplesOfABatchDoNotTouchEachOther) {
  ImageRnn model(sample::Options());
  const torch::Tensor images = FloatImages(5);
  const torch::Tensor together = sample::Forward(model, images);
  // A matrix product of another size may sum in another order.
  for (int64_t i = 0; i < 5; ++i)
    REQUIRE_CLOSE(sample::Forward(model, images.narrow(0, i, 1)), together.narrow(0, i, 1), /*atol=*/1e-6, /*rtol=*/0);
}

TEST(InitHiddenIsZero) { REQUIRE_SAME(ImageRnn(sample::Options()).InitHidden(4), torch::zeros({sample::kLayers, 4, sample::kHidden})); }

TEST(CopiedStateIsIndependentOfTheModel) {
  ImageRnn model(sample::Options());
  const StateDict before = model.values().Copy();
  StateDict changed = model.values().Copy();
  for (auto& [name, value] : changed) value.fill_(3);
  CheckSameState(model.values().Copy(), before);
  model.values().Load(changed);
  changed[0].second.fill_(4);
  REQUIRE_SAME(model.values().Copy()[0].second, torch::full_like(before[0].second, 3));
}

TEST(LoadedStateGivesTheSameNetwork) {
  ImageRnn first(sample::Options(/*seed=*/1));
  ImageRnn second(sample::Options(/*seed=*/2));
  StateDict state = first.values().Copy();
  std::reverse(state.begin(), state.end());  // The order does not matter.
  second.values().Load(state);
  CheckSameState(second.values().Copy(), first.values().Copy());
  REQUIRE_SAME(sample::Forward(second, FloatImages(3)), sample::Forward(first, FloatImages(3)));
  REQUIRE_EQ(second.parameters().size(), state.size());
  for (const torch::Tensor& parameter : second.parameters()) REQUIRE(parameter.requires_grad() && parameter.is_leaf());
}

// Loads a wrong state: the error has the code and the text, and the model stays unchanged.
void CheckRefused(const char* code, const std::string& text, const std::function<void(StateDict&)>& spoil) {
  ImageRnn model(sample::Options(/*seed=*/1));
  const StateDict before = model.values().Copy();
  StateDict state = ImageRnn(sample::Options(/*seed=*/2)).values().Copy();
  spoil(state);
  const Error error = REQUIRE_THROWS(code, model.values().Load(state));
  REQUIRE_EQ(std::string(error.what()), text);
  CheckSameState(model.values().Copy(), before);
}

TEST(WrongStatesAreRefusedWhole) {
  CheckRefused(kInvalidData, "Expected a parameter FC.bias but it is missing.", [](StateDict& state) { state.pop_back(); });
  CheckRefused(kInvalidData, "The model has no parameter named FC.scale.",
               [](StateDict& state) { state.emplace_back("FC.scale", torch::zeros({3})); });
  CheckRefused(kInvalidData, "A parameter is given twice.", [](StateDict& state) { state.push_back(state.front()); });
  CheckRefused(kInvalidShape, "Expected shape [3] for FC.bias but received [4].",
               [](StateDict& state) { state.back().second = torch::zeros({4}); });
  // As many elements, but another shape: nothing is reshaped or broadcast silently.
  CheckRefused(kInvalidShape, "Expected shape [6, 5] for basic_rnn.weight_ih_l0 but received [5, 6].",
               [](StateDict& state) { state.front().second = torch::zeros({5, 6}); });
  CheckRefused(kInvalidShape, "Expected shape [3] for FC.bias but received [].",
               [](StateDict& state) { state.back().second = torch::zeros({}); });
}

}  // namespace
}  // namespace torch_rnn_mnist
