#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "native/core/data/batches.h"
#include "native/core/model/model_options.h"

// Random networks with a batch each, for tests that compare engines.
namespace parity {

struct Case {
  uint64_t seed = 0;  // From which all of it follows.
  torch_rnn_mnist::ModelOptions options;
  torch::Tensor values;  // The parameters: float32, flat, in the order of LayOut(options).
  torch_rnn_mnist::Batch batch;
  double label_smoothing = 0;
  int threads = 1;

  std::string Describe() const;
};

// The ranges from which a case is drawn.
struct CaseRange {
  std::vector<int64_t> hidden_sizes = {};   // Empty: 1 to 160.
  std::vector<int64_t> class_numbers = {};  // Empty: 1 to 20.
  // The most multiplications of a forward pass. Batch, steps and layers are made smaller until it is met: most of the time goes into those
  // instruction sets that are slow.
  int64_t work = 3'000'000;
  bool has_lengths = false;  // Whether the samples are sequences of different length.
};

// A case of any kind. Sizes at and around the lanes of a vector come up often, and so do images whose first rows are blank: none of them,
// some, or all, in some samples or in all.
//
// With ReLU no pre-activation is close to 0, where the derivative jumps: there, two correct programs may be far apart. What is close is a
// matter of rounding, see kKinkMargin.
Case DrawCase(uint64_t seed, torch_rnn_mnist::Nonlinearity nonlinearity, const CaseRange& range);

}  // namespace parity
