#include "native/fused/passes.h"
#include "native/fused/vectors/portable.h"

namespace torch_rnn_mnist::fused {

const Kernels& PortableKernels() { return Passes<Portable>::kKernels; }

}  // namespace torch_rnn_mnist::fused
