#pragma once

#include <cstdint>
#include <memory>

#include "native/fused/instruction_set.h"
#include "native/fused/newton_schulz.h"
#include "native/fused/shape.h"

namespace torch_rnn_mnist::fused {

struct NetworkOptions {
  int threads = 1;  // That compute, the calling one included.
  // Whether the leading rows that are zero in many samples of a batch are computed once for all of them (see blank_prefix.h). The numbers
  // are the same up to rounding.
  bool shares_blank_prefix = true;
};

// Computes logits and gradients. For one calling thread at a time. The same calls give the same bits again, with the same instruction set
// and number of threads.
class Network {
 public:
  Network(const Shape& shape, const InstructionSet& set, const NetworkOptions& options);
  ~Network();

  // Takes the parameters of the following calls. Their arrays must stay alive; call it again whenever a value has changed.
  void SetParameters(const Parameters& parameters);

  // logits: [N, C]
  void Logits(const Images& images, float* logits);
  // Adds the gradient of the SUM of the samples' losses to `gradients`.
  Sums Accumulate(const Images& images, const Targets& targets, const Gradients& gradients);

  // See Orthogonalizer::Run. On the network's threads.
  void Orthogonalize(const SquareMatrices<const float>& matrices, const NewtonSchulz& iteration, const SquareMatrices<float>& result);

  // Ends the threads and frees the memory that only work needs; the next call takes new ones.
  void Rest();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace torch_rnn_mnist::fused
