// The fused engine's tanh with every instruction set, through a network that computes nothing else.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "native/core/model/image_rnn.h"
#include "native/core/training/fused_engine.h"
#include "tests/native/check.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

// As native/fused/tanh.h says; relative and absolute, because |tanh| <= 1.
constexpr double kBound = 3.5e-7;
// Denormals count as zero.
constexpr double kSmallest = std::numeric_limits<float>::min();

// One pixel, one state, one class: with weights of 1 and biases of 0, the logit is tanh of the pixel.
std::vector<float> TanhOf(const std::vector<float>& values, const fused::InstructionSet& set) {
  ModelOptions options;
  options.input_size = options.hidden_size = options.num_layers = options.num_classes = 1;
  ImageRnn model(options);
  StateDict state = model.values().Copy();
  for (auto& [name, value] : state) value.fill_(name.find("weight") == std::string::npos ? 0 : 1);
  model.values().Load(state);
  FusedEngine engine(model, {&set, /*shares_blank_prefix=*/false}, /*threads=*/2);
  const auto count = static_cast<int64_t>(values.size());
  const torch::Tensor logits = engine.Logits(torch::tensor(values).view({count, 1, 1}), sample::NoStop());
  const float* const data = logits.const_data_ptr<float>();
  return {data, data + count};
}

// Every 4096th float32, from all that there are: both signs, denormals, infinities and NaN.
std::vector<float> SampledFloats() {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 4096) values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  return values;
}

// Where something changes: zeros, the ends of the denormals and of all numbers, infinities, and the neighbours of small numbers.
std::vector<float> SpecialFloats() {
  using Limits = std::numeric_limits<float>;
  std::vector<float> values = {0, Limits::denorm_min(), Limits::min(), Limits::max(), Limits::infinity()};
  for (float around = 0.0625; around < 16; around += 0.0625) {
    float value = std::nextafter(around, 0.0F);
    for (int i = 0; i < 3; ++i, value = std::nextafter(value, Limits::max())) values.push_back(value);
  }
  const size_t positive = values.size();
  for (size_t i = 0; i < positive; ++i) values.push_back(-values[i]);
  values.push_back(Limits::quiet_NaN());
  return values;
}

void CheckTanh(const std::vector<float>& values) {
  for (const fused::InstructionSet& set : fused::InstructionSets()) {
    const std::vector<float> results = TanhOf(values, set);
    for (size_t i = 0; i < values.size(); ++i) {
      const float value = values[i];
      const float result = results[i];
      const double exact = std::tanh(static_cast<double>(value));
      const bool is_right = std::isnan(value) ? std::isnan(result)
                                              : std::abs(result) <= 1 &&
                                                    std::abs(static_cast<double>(result) - exact) <= kBound * std::abs(exact) + kSmallest;
      if (!is_right) {
        check::Fail(
            __FILE__, __LINE__,
            std::string(set.name) + ": tanh of " + check::Text(value) + " is " + check::Text(result) + ", want " + check::Text(exact));
      }
    }
  }
}

TEST(TanhIsWithinItsBoundForFloatsOfAllSizes) { CheckTanh(SampledFloats()); }
TEST(TanhIsWithinItsBoundWhereSomethingChanges) { CheckTanh(SpecialFloats()); }

}  // namespace
}  // namespace torch_rnn_mnist
