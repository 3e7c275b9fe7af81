#include "native/core/runtime/random.h"

#include <ATen/core/PhiloxRNGEngine.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "tests/native/check.h"
#include "tests/native/check_tensors.h"

namespace torch_rnn_mnist {
namespace {

// Philox4x32-10 as its authors publish it (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"), written anew as a check
// of the shuffled order that does not depend on libtorch's implementation.
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53} * counter[0];
    const uint64_t second = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

struct KnownAnswer {
  std::array<uint32_t, 4> counter;
  std::array<uint32_t, 2> key;
  std::array<uint32_t, 4> result;
};

// philox4x32 with 10 rounds in kat_vectors of the authors' library Random123.
constexpr KnownAnswer kKnownAnswers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
    {{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, {0xFFFFFFFF, 0xFFFFFFFF}, {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
    {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}, {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}},
};

uint64_t Join(uint32_t low, uint32_t high) { return (uint64_t{high} << 32) | low; }

TEST(PhiloxGivesThePublishedAnswers) {
  for (const KnownAnswer& known : kKnownAnswers) {
    REQUIRE_EQ(Philox(known.counter, known.key), known.result);
    at::Philox4_32 engine(Join(known.key[0], known.key[1]), Join(known.counter[2], known.counter[3]),
                          Join(known.counter[0], known.counter[1]));
    for (const uint32_t word : known.result) REQUIRE_EQ(engine(), word);
  }
}

constexpr uint64_t kShuffle = 1;

// The definition in random.h once more: samples sorted by (purpose, epoch, sample) keys, with the purpose in the top 16 bits.
std::vector<int64_t> OrderByDefinition(uint64_t seed, uint64_t purpose, uint64_t epoch, int64_t count) {
  std::vector<std::pair<uint64_t, int64_t>> keyed;
  for (int64_t sample = 0; sample < count; ++sample) {
    const uint64_t stream = (purpose << 48) | epoch;
    const auto words = Philox({static_cast<uint32_t>(sample), 0, static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)},
                              {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
    keyed.emplace_back(Join(words[1], words[0]), sample);
  }
  std::sort(keyed.begin(), keyed.end());
  std::vector<int64_t> order;
  for (const auto& [key, sample] : keyed) order.push_back(sample);
  return order;
}

TEST(OrdersFollowTheirDefinition) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, (uint64_t{1} << 53) - 1}) {
    for (const uint64_t epoch : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 33}) {
      REQUIRE_EQ(ShuffledOrder(seed, epoch, 100), OrderByDefinition(seed, kShuffle, epoch, 100));
    }
  }
}

// Literal answers: every reproducible result depends on them, so a change of the definition must be noticed.
TEST(ShuffledOrderIsFixed) {
  REQUIRE_EQ(ShuffledOrder(1, 0, 10), (std::vector<int64_t>{8, 4, 6, 2, 9, 0, 3, 5, 7, 1}));
  REQUIRE_EQ(ShuffledOrder(1, 1, 10), (std::vector<int64_t>{2, 3, 7, 0, 6, 8, 1, 4, 5, 9}));
  REQUIRE_EQ(ShuffledOrder(2, 0, 10), (std::vector<int64_t>{3, 5, 4, 2, 7, 6, 1, 0, 9, 8}));
}

TEST(UniformNumbersFollowTheirDefinition) {
  constexpr uint64_t kAugment = 4;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, (uint64_t{1} << 53) - 1}) {
    for (const uint64_t epoch : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 33}) {
      for (const uint64_t sample : {uint64_t{0}, uint64_t{7}, uint64_t{1} << 32}) {
        const auto numbers = UniformNumbers(seed, RandomPurpose::kAugment, epoch, sample);
        for (size_t i = 0; i < numbers.size(); ++i) {
          const uint64_t offset = 2 * sample + i / 4;
          const uint64_t stream = (kAugment << 48) | epoch;
          const auto words = Philox({static_cast<uint32_t>(offset), static_cast<uint32_t>(offset >> 32), static_cast<uint32_t>(stream),
                                     static_cast<uint32_t>(stream >> 32)},
                                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
          REQUIRE_EQ(numbers[i], (words[i % 4] + 0.5) / 2147483648.0 - 1);
        }
      }
    }
  }
}

TEST(ShuffledOrderIsAPermutation) {
  for (const int64_t count : {0, 1, 2, 127, 60000}) {
    std::vector<int64_t> order = ShuffledOrder(1, 0, count);
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(static_cast<size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    REQUIRE(order == all);
  }
}

TEST(ShuffledOrderDependsOnSeedAndEpoch) {
  std::set<std::vector<int64_t>> orders;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t epoch = 0; epoch < 10; ++epoch) orders.insert(ShuffledOrder(seed, epoch, 100));
  }
  REQUIRE_EQ(orders.size(), 100);
}

TEST(GeneratorIsPyTorchsButNotTheProcessWideOne) {
  torch::manual_seed(7);
  const torch::Tensor expected = torch::rand({100});
  torch::manual_seed(8);
  const torch::Tensor undisturbed = torch::rand({100});
  torch::manual_seed(8);
  at::Generator generator = MakeGenerator(7);
  REQUIRE_SAME(torch::rand({100}, generator), expected);
  REQUIRE_SAME(torch::rand({100}), undisturbed);
}

}  // namespace
}  // namespace torch_rnn_mnist
