#include "native/core/runtime/random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/PhiloxRNGEngine.h>

#include <algorithm>
#include <utility>

namespace torch_rnn_mnist {
namespace {

constexpr int kPurposeShift = 48;  // Subsequence: 16 bits of purpose, 48 bits of epoch.

at::Philox4_32 MakePhilox(uint64_t seed, RandomPurpose purpose, uint64_t epoch, uint64_t offset) {
  return at::Philox4_32(seed, (static_cast<uint64_t>(purpose) << kPurposeShift) | epoch, offset);
}

uint64_t RandomKey(uint64_t seed, RandomPurpose purpose, uint64_t epoch, uint64_t sample) {
  at::Philox4_32 engine = MakePhilox(seed, purpose, epoch, sample);
  const uint64_t high = engine();
  return (high << 32) | engine();
}

std::vector<int64_t> RandomOrder(uint64_t seed, RandomPurpose purpose, uint64_t epoch, int64_t count) {
  std::vector<std::pair<uint64_t, int64_t>> keyed(static_cast<size_t>(count));
  for (int64_t sample = 0; sample < count; ++sample) {
    keyed[static_cast<size_t>(sample)] = {RandomKey(seed, purpose, epoch, static_cast<uint64_t>(sample)), sample};
  }
  std::sort(keyed.begin(), keyed.end());  // Equal keys fall back to the sample's number: no ties.
  std::vector<int64_t> order(keyed.size());
  std::transform(keyed.begin(), keyed.end(), order.begin(), [](const auto& pair) { return pair.second; });
  return order;
}

}  // namespace

at::Generator MakeGenerator(uint64_t seed) { return at::make_generator<at::CPUGeneratorImpl>(seed); }

std::vector<int64_t> ShuffledOrder(uint64_t seed, uint64_t epoch, int64_t count) {
  return RandomOrder(seed, RandomPurpose::kShuffle, epoch, count);
}

std::array<double, 8> UniformNumbers(uint64_t seed, RandomPurpose purpose, uint64_t epoch, uint64_t sample) {
  at::Philox4_32 engine = MakePhilox(seed, purpose, epoch, 2 * sample);  // Goes on to the next offset after four words.
  constexpr double kHalfRange = 2147483648.0;                            // 2^31
  std::array<double, 8> numbers;
  for (double& number : numbers) number = (static_cast<double>(engine()) + 0.5) / kHalfRange - 1;
  return numbers;
}

}  // namespace torch_rnn_mnist
