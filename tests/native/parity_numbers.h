#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "native/core/training/fused_engine.h"
#include "tests/native/parity_cases.h"

// What engines compute for a case, and what is exact.
namespace parity {

// Makes libtorch compute on the calling thread alone. Otherwise its own threads spin after each small operation, on the cores that the
// fused engine needs.
void UseOneTorchThread();

// The instruction sets but for portable16, which only tests use, and which is not compiled for speed.
std::vector<torch_rnn_mnist::fused::InstructionSet> SetsForLargeNetworks();

struct Numbers {
  torch::Tensor logits;     // [N, C]
  torch::Tensor gradients;  // Of the sum of the losses: flat, in the order of LayOut.
  double loss = 0;          // Sum over the samples.
  int64_t hits = 0;
};

// By float64 autograd.
Numbers ExactNumbers(const Case& one);
// The same, with every state changed at random by up to half a unit in the last place of a float32, and every gradient of a logit, which is
// a difference of two probabilities, by up to that of 1. So it shows how far apart two good float32 programs may be.
Numbers RoundedNumbers(const Case& one);

// The network of a case.
std::unique_ptr<torch_rnn_mnist::ImageRnn> MakeModel(const Case& one);
// What an engine of that network computes, with gradients that start from zero.
Numbers NumbersOf(torch_rnn_mnist::Engine& engine, torch_rnn_mnist::ImageRnn& model, const Case& one);
// By TorchEngine in float32.
Numbers TorchNumbers(const Case& one);
// By a new FusedEngine with the case's number of threads.
Numbers FusedNumbers(const Case& one, const torch_rnn_mnist::FusedOptions& options);

}  // namespace parity
