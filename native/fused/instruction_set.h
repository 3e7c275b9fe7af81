#pragma once

#include <string>
#include <vector>

namespace torch_rnn_mnist::fused {

struct Kernels;

// One compiled version of the engine's inner loops.
struct InstructionSet {
  const char* name;  // As in TORCH_RNN_MNIST_CPU: "avx512", "avx2", "neon", "portable", "portable16".
  int lanes;         // float32 values in a vector.
  const Kernels& (*kernels)();
};

// Those that were compiled and that this processor can run, fastest first. Never empty: "portable" always runs.
const std::vector<InstructionSet>& InstructionSets();

// The one to compute with: the fastest, or the one that the environment variable TORCH_RNN_MNIST_CPU names. Throws std::invalid_argument,
// with a message for people, when that names none of InstructionSets().
const InstructionSet& ChooseInstructionSet();

}  // namespace torch_rnn_mnist::fused
