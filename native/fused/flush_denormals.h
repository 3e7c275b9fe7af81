#pragma once

#if defined(__SSE__) || defined(_M_X64)
#include <xmmintrin.h>
#elif defined(_M_ARM64)
#include <intrin.h>
#endif

namespace torch_rnn_mnist::fused {

// Makes the calling thread read and write denormals as zeros, as PrepareComputeThread (native/core) does for a model's thread: they slow
// recurrent kernels many times over. Does nothing on processors other than x86 and arm64.
inline void FlushDenormals() {
#if defined(__SSE__) || defined(_M_X64)
  constexpr unsigned int kFlushToZero = 1U << 15;      // Of MXCSR: results.
  constexpr unsigned int kDenormalsAreZero = 1U << 6;  // Of MXCSR: operands.
  _mm_setcsr(_mm_getcsr() | kFlushToZero | kDenormalsAreZero);
#elif defined(_M_ARM64)
  constexpr __int64 kFlushToZero = 1LL << 24;  // Of FPCR: operands and results.
  _WriteStatusReg(ARM64_FPCR, _ReadStatusReg(ARM64_FPCR) | kFlushToZero);
#elif defined(__aarch64__)
  constexpr unsigned long long kFlushToZero = 1ULL << 24;  // Of FPCR: operands and results.
  unsigned long long fpcr;
  asm volatile("mrs %0, fpcr" : "=r"(fpcr));
  asm volatile("msr fpcr, %0" : : "r"(fpcr | kFlushToZero));
#endif
}

}  // namespace torch_rnn_mnist::fused
