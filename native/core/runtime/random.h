#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>
#include <vector>

namespace torch_rnn_mnist {

// What a random number is for. Different purposes never share a stream. Reproducible results depend on these values.
// lib/data/philox.ts has more purposes, for random numbers that need no libtorch.
enum class RandomPurpose : uint64_t { kShuffle = 1 };

// A separate generator, never the process-wide one: two models would disturb each other's numbers.
at::Generator MakeGenerator(uint64_t seed);

// The order in which an epoch visits `count` samples: a permutation that depends only on its arguments.
// Each sample draws a 64-bit key from Philox (counter-based: seed is the key, purpose and epoch the subsequence, the sample
// the offset), and the samples are sorted by key. So any engine and a resumed run get the same order without stored state.
std::vector<int64_t> ShuffledOrder(uint64_t seed, uint64_t epoch, int64_t count);

}  // namespace torch_rnn_mnist
