#pragma once

// Words that compilers spell differently.
#if defined(_MSC_VER) && !defined(__clang__)
#define FUSED_INLINE __forceinline
#define FUSED_UNROLL
#elif defined(__clang__)
#define FUSED_INLINE inline __attribute__((always_inline))
#define FUSED_UNROLL _Pragma("clang loop unroll(full)")
#else
#define FUSED_INLINE inline __attribute__((always_inline))
#define FUSED_UNROLL _Pragma("GCC unroll 32")
#endif
