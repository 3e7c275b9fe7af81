#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>

namespace torch_rnn_mnist {

// What the network reads: N sequences, which are padded to one length where theirs differ. An image is a sequence of T rows.
struct Sequences {
  // Not explicit: images have no lengths.
  Sequences(torch::Tensor of_values, torch::Tensor of_lengths = {}) : values(std::move(of_values)), lengths(std::move(of_lengths)) {}

  // The samples `first` to `first` + `count` - 1.
  Sequences Part(int64_t first, int64_t count) const {
    return {values.narrow(0, first, count), lengths.defined() ? lengths.narrow(0, first, count) : lengths};
  }

  torch::Tensor values;   // [N, T, F]
  torch::Tensor lengths;  // int64 [N] on the CPU: so many steps are real, 1 to T, and padding follows. Undefined: all are real.
};

// Checks that there is a length from 1 to `steps` for each of `count` sequences: any type of integers, on the CPU. An undefined tensor
// fits. Throws ERR_INVALID_SHAPE, ERR_INVALID_DATA or ERR_INVALID_ARGUMENT.
void CheckLengths(const torch::Tensor& lengths, int64_t count, int64_t steps);

}  // namespace torch_rnn_mnist
