#pragma once

#include <cstdint>
#include <vector>

#include "native/fused/shape.h"

namespace torch_rnn_mnist::fused {

// The leading rows of an image are often blank: zero in every pixel; 4.8 of a digit's 28 on average. The initial state is zero, so until
// its first row that is not blank, a sample has the states of an image without ink, whatever the sample. These are computed once for the
// whole batch: the prefix. A sample enters at its first row that is not blank, from the state of the prefix before it.
struct BlankPrefix {
  int64_t steps = 0;            // The prefix has states for so many steps; 0: it is not worth computing.
  std::vector<int64_t> order;   // The samples of the batch by the step where they enter.
  std::vector<int64_t> enters;  // [N], in that order: from 0 to `steps`.
};

// features: F of the images. All of them have the same length: where lengths differ, there is no step at which samples begin together.
BlankPrefix FindBlankPrefix(const Images& images, int64_t features);
// That of a batch that is computed without one: each sample enters where it begins.
BlankPrefix NoBlankPrefix(const Images& images);

}  // namespace torch_rnn_mnist::fused
