#include <string>

#include "native/core/model/image_rnn.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/reference.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kShown = 3;  // First and last values in the fixture.

// Values below 1 from the same random numbers: only the rounding of "random * range + start" may differ, because a processor may
// fuse it into one operation. A wrong order of drawing or a wrong bound gives differences of about 1e-2.
constexpr double kRounding = 1e-7;

const reference::Numbers& Fixture() {
  static const reference::Numbers numbers(INITIALISATION_NUMBERS);
  return numbers;
}

ModelOptions Tutorial() { return {}; }

ModelOptions Small() {
  ModelOptions options;
  options.input_size = 5;
  options.hidden_size = 7;
  options.num_layers = 2;
  options.num_classes = 3;
  return options;
}

void CheckEqualsPyTorch(const std::string& network, ModelOptions options) {
  for (const RecurrentInit init : {RecurrentInit::kIdentity, RecurrentInit::kUniform}) {
    for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{42}, (uint64_t{1} << 53) - 1}) {
      options.recurrent_init = init;
      options.seed = seed;
      const std::string prefix = network + (init == RecurrentInit::kIdentity ? " identity " : " uniform ") + std::to_string(seed) + "/";
      ImageRnn model(options);
      const StateDict state = model.values().Copy();
      REQUIRE_EQ(state.size(), 4 * options.num_layers + 2);
      for (const auto& [name, value] : state) {
        const torch::Tensor flat = value.flatten();
        REQUIRE_CLOSE(flat.narrow(0, 0, kShown), Fixture().Get(prefix + name + "/first"), kRounding, /*rtol=*/0);
        REQUIRE_CLOSE(flat.narrow(0, flat.size(0) - kShown, kShown), Fixture().Get(prefix + name + "/last"), kRounding, /*rtol=*/0);
        REQUIRE_NEAR(flat.to(torch::kFloat64).norm().item<double>(), Fixture().Number(prefix + name + "/norm"), 1e-5);
      }
    }
  }
}

TEST(TutorialNetworkStartsAsInPyTorch) { CheckEqualsPyTorch("tutorial", Tutorial()); }

TEST(SmallNetworkStartsAsInPyTorch) { CheckEqualsPyTorch("small", Small()); }

TEST(IdentityMakesEveryRecurrentMatrixTheIdentity) {
  ImageRnn model(Small());
  int64_t matrices = 0;
  for (const auto& [name, value] : model.values().Copy()) {
    if (name.find("weight_hh") == std::string::npos) continue;
    REQUIRE_SAME(value, torch::eye(Small().hidden_size));
    ++matrices;
  }
  REQUIRE_EQ(matrices, Small().num_layers);
}

TEST(StartDependsOnTheSeedAlone) {
  torch::manual_seed(1);
  ImageRnn first(Small());
  torch::manual_seed(2);  // The process-wide generator has no influence.
  ImageRnn second(Small());
  ModelOptions other_seed = Small();
  other_seed.seed = 2;
  ImageRnn third(other_seed);
  const StateDict expected = first.values().Copy();
  const StateDict same = second.values().Copy();
  for (size_t i = 0; i < expected.size(); ++i) REQUIRE_SAME(same[i].second, expected[i].second);
  REQUIRE(!torch::equal(third.values().Copy().front().second, expected.front().second));
}

}  // namespace
}  // namespace torch_rnn_mnist
