#include "native/fused/passes.h"
#include "native/fused/vectors/neon.h"

namespace torch_rnn_mnist::fused {

const Kernels& NeonKernels() { return Passes<Neon>::kKernels; }

}  // namespace torch_rnn_mnist::fused
