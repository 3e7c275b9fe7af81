#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>
#include <vector>

namespace torch_rnn_mnist {

// What a random number is for. Different purposes never share a stream. The values are part of every reproducible result;
// lib/data/philox.ts has further ones, for what needs no libtorch.
enum class RandomPurpose : uint64_t { kShuffle = 1 };

// A generator of its own, never the process-wide one, which two models would disturb for each other.
at::Generator MakeGenerator(uint64_t seed);

// The order in which an epoch visits `count` samples: a permutation that depends on nothing but its arguments.
// Each sample draws a 64-bit key from Philox (counter-based: seed is the key, purpose and epoch the subsequence, the sample
// the offset) and the samples are sorted by key; so any engine and a resumed run find the same order without stored state.
std::vector<int64_t> ShuffledOrder(uint64_t seed, uint64_t epoch, int64_t count);

}  // namespace torch_rnn_mnist
