#include "native/fused/passes.h"
#include "native/fused/vectors/avx2.h"

namespace torch_rnn_mnist::fused {

const Kernels& Avx2Kernels() { return Passes<Avx2>::kKernels; }

}  // namespace torch_rnn_mnist::fused
