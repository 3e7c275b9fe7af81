// The fused engine against float64 autograd, over random networks and batches, with every instruction set.
//
// Its error in logits, loss and each gradient, as a norm, may be kFactor times that of TorchEngine, which also computes in float32, and a
// little more. Mostly it is smaller than TorchEngine's: the median of the ratios is 0.7, one in a hundred is above 2.6. But in a tensor of
// a few values TorchEngine's error may happen to be 0. So what rounding changes anyway counts as well: that of every state and of the
// gradients of the logits (RoundedNumbers), and half a unit in the last place of the result.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "native/core/model/flat_tensors.h"
#include "tests/native/check.h"
#include "tests/native/parity_cases.h"
#include "tests/native/parity_numbers.h"
#include "tests/native/sanitizers.h"

namespace parity {
namespace {

using torch_rnn_mnist::Nonlinearity;
using torch_rnn_mnist::ParameterLayout;
namespace fused = torch_rnn_mnist::fused;

constexpr double kFactor = 5;
constexpr double kHalfUnit = 1.0 / (1 << 24);  // Of a float32, relative to its value.

// Every size at which a vector, or two or four of them, are just full, lack one value or have one too many, for 8 and for 16 lanes.
const std::vector<int64_t> kSizesAroundVectors = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 150, 151};

constexpr uint64_t kShare = kSanitized ? 8 : 1;  // Of the cases, one in so many is enough.

using Parts = std::vector<std::pair<std::string, torch::Tensor>>;

// All that is compared, in float64.
Parts PartsOf(const Numbers& numbers, const torch_rnn_mnist::ModelOptions& options) {
  Parts parts = {{"logits", numbers.logits}, {"loss", torch::tensor(numbers.loss, torch::kFloat64)}};
  for (const ParameterLayout::Entry& entry : torch_rnn_mnist::LayOut(options).entries) {
    parts.emplace_back("gradient of " + entry.name, torch_rnn_mnist::FlatTensors::ViewOf(numbers.gradients, entry));
  }
  for (auto& [name, value] : parts) value = value.to(torch::kFloat64);
  return parts;
}

double Norm(const torch::Tensor& values) { return values.norm().item<double>(); }

// For each sample by how much the logit of its label is above all others: [N].
torch::Tensor Leads(const torch::Tensor& logits, const torch::Tensor& labels) {
  const torch::Tensor index = labels.unsqueeze(1);
  const torch::Tensor others = logits.scatter(1, index, -std::numeric_limits<double>::infinity());
  return logits.gather(1, index).squeeze(1) - others.amax(/*dim=*/1);
}

class Expectation {
 public:
  explicit Expectation(const Case& one) : one_(one), exact_(PartsOf(ExactNumbers(one), one.options)) {
    const Parts torch_numbers = PartsOf(TorchNumbers(one), one.options);
    const Parts rounded = PartsOf(RoundedNumbers(one), one.options);
    for (size_t i = 0; i < exact_.size(); ++i) {
      const torch::Tensor& exact = exact_[i].second;
      const double anyway = Norm(rounded[i].second - exact) + kHalfUnit * Norm(exact);
      bounds_.push_back(kFactor * std::max(Norm(torch_numbers[i].second - exact), anyway) + anyway);
    }
  }

  void Check(const Numbers& numbers, const std::string& who) const {
    const Parts parts = PartsOf(numbers, one_.options);
    for (size_t i = 0; i < parts.size(); ++i) {
      const double error = Norm(parts[i].second - exact_[i].second);
      if (error <= bounds_[i]) continue;  // False for NaN too.
      Fail(who, parts[i].first + " is off by " + check::Text(error) + " of " + check::Text(Norm(exact_[i].second)) + ", may be by " +
                    check::Text(bounds_[i]));
    }
    // A sample counts whose label's logit is so little above or below the others that rounding decides.
    const torch::Tensor leads = Leads(exact_[0].second, one_.batch.labels);
    const int64_t least = leads.gt(2 * bounds_[0]).sum().item<int64_t>();
    const int64_t most = leads.gt(-2 * bounds_[0]).sum().item<int64_t>();
    if (numbers.hits < least || numbers.hits > most) {
      Fail(who, check::Text(numbers.hits) + " hits, want " + check::Text(least) + " to " + check::Text(most));
    }
  }

 private:
  void Fail(const std::string& who, const std::string& what) const {
    check::Fail(__FILE__, __LINE__, who + ", " + one_.Describe() + ": " + what);
  }

  const Case& one_;
  const Parts exact_;
  std::vector<double> bounds_;  // Of each part's error.
};

void CheckCases(uint64_t first_seed, uint64_t count, Nonlinearity nonlinearity, const CaseRange& range,
                const std::vector<fused::InstructionSet>& sets = fused::InstructionSets()) {
  UseOneTorchThread();
  for (uint64_t seed = first_seed; seed < first_seed + std::max<uint64_t>(1, count / kShare); ++seed) {
    const Case one = DrawCase(seed, nonlinearity, range);
    const Expectation expected(one);
    for (const fused::InstructionSet& set : sets) {
      for (const bool shares_blank_prefix : {true, false}) {
        expected.Check(FusedNumbers(one, {&set, shares_blank_prefix}),
                       set.name + std::string(shares_blank_prefix ? "" : " without the blank prefix"));
      }
    }
  }
}

// Three of each size.
void CheckSizesAroundVectors(uint64_t first_seed, Nonlinearity nonlinearity) {
  for (const int64_t size : kSizesAroundVectors) {
    CheckCases(first_seed, 3, nonlinearity, {.hidden_sizes = {size}});
    first_seed += 10;
  }
}

TEST(TanhNetworksOfSizesAroundVectors) { CheckSizesAroundVectors(1000, Nonlinearity::kTanh); }
TEST(ReluNetworksOfSizesAroundVectors) { CheckSizesAroundVectors(2000, Nonlinearity::kRelu); }
TEST(TanhNetworksOfAnySize) { CheckCases(3000, 40, Nonlinearity::kTanh, {}); }
TEST(ReluNetworksOfAnySize) { CheckCases(4000, 40, Nonlinearity::kRelu, {.work = 1'000'000}); }

const CaseRange kFullSize{.hidden_sizes = {150, 151}, .work = 100'000'000};
TEST(TanhNetworksOfFullSize) { CheckCases(5000, 2, Nonlinearity::kTanh, kFullSize, SetsForLargeNetworks()); }
TEST(ReluNetworksOfFullSize) { CheckCases(6000, 2, Nonlinearity::kRelu, kFullSize, SetsForLargeNetworks()); }
TEST(NetworksOfManyClasses) { CheckCases(7000, 4, Nonlinearity::kTanh, {.class_numbers = {256}}); }

TEST(TanhNetworksOverSequencesOfDifferentLength) { CheckCases(8000, 20, Nonlinearity::kTanh, {.has_lengths = true}); }
TEST(ReluNetworksOverSequencesOfDifferentLength) { CheckCases(9000, 20, Nonlinearity::kRelu, {.work = 1'000'000, .has_lengths = true}); }

}  // namespace
}  // namespace parity
