#include "native/fused/passes.h"
#include "native/fused/vectors/avx512.h"

namespace torch_rnn_mnist::fused {

const Kernels& Avx512Kernels() { return Passes<Avx512>::kKernels; }

}  // namespace torch_rnn_mnist::fused
