// Its vectors are in memory anyway; written out, its tiles would take minutes to compile, and a megabyte of the addon.
#define FUSED_UNROLL

#include "native/fused/passes.h"
#include "native/fused/vectors/portable.h"

namespace torch_rnn_mnist::fused {

const Kernels& Portable16Kernels() { return Passes<Portable16>::kKernels; }

}  // namespace torch_rnn_mnist::fused
