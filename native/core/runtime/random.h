#pragma once

#include <ATen/core/Generator.h>

#include <array>
#include <cstdint>
#include <vector>

namespace torch_rnn_mnist {

// What a random number is for. Different purposes never share a stream. Reproducible results depend on these values.
// lib/data/philox.ts has more purposes, for random numbers that need no libtorch.
enum class RandomPurpose : uint64_t { kShuffle = 1, kAugment = 4 };

// The largest number of an epoch: 48 bits.
inline constexpr int64_t kMaxEpoch = (int64_t{1} << 48) - 1;

// A separate generator, never the process-wide one: two models would disturb each other's numbers.
at::Generator MakeGenerator(uint64_t seed);

// The order in which an epoch visits `count` samples: a permutation that depends only on its arguments.
// Each sample draws a 64-bit key from Philox (counter-based: seed is the key, purpose and epoch the subsequence, the sample
// the offset), and the samples are sorted by key. So any engine and a resumed run get the same order without stored state.
std::vector<int64_t> ShuffledOrder(uint64_t seed, uint64_t epoch, int64_t count);

// Random numbers for one sample, uniform between -1 and 1 (never exactly either), that depend only on the arguments. From Philox as in
// ShuffledOrder, but the offsets are 2 * sample and 2 * sample + 1, whose eight 32-bit words w give (w + 1/2) / 2^31 - 1.
std::array<double, 8> UniformNumbers(uint64_t seed, RandomPurpose purpose, uint64_t epoch, uint64_t sample);

}  // namespace torch_rnn_mnist
