#pragma once

// Words that compilers spell differently.
#if defined(_MSC_VER) && !defined(__clang__)
#define FUSED_INLINE __forceinline
#else
#define FUSED_INLINE inline __attribute__((always_inline))
#endif

// Before a loop whose iterations shall all be written out, so that an array's elements can be in registers. A file of kernels that shall
// have loops instead defines it as nothing.
#if defined(FUSED_UNROLL)
#elif defined(_MSC_VER) && !defined(__clang__)
#define FUSED_UNROLL
#elif defined(__clang__)
#define FUSED_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FUSED_UNROLL _Pragma("GCC unroll 32")
#endif
