#pragma once

#include <immintrin.h>

#include "native/fused/vectors/compiler.h"

// Vectors of float32, one struct for each instruction set, all with the same members. The engine's loops are templates over them.
//
// The file that instantiates a template for an instruction set is compiled for that set, so nothing in it may be shared with other files:
// the linker could keep its version of an inline function for all of them. That is why these headers need no others, and why the engine
// does not use libtorch's vector types.
namespace torch_rnn_mnist::fused {

struct Avx512 {
  using Vector = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kSums = 24;    // Sums that a tile keeps in registers. There are 32; a tile also needs some for its operands.
  static constexpr int kVectors = 2;  // The usual width of a tile, in vectors.
  // Weights are fetched into the fastest cache so many steps of the depth before their turn; 0: that is left to the processor. Two of these
  // vectors are more than the 32 KB of many processors, for both terms of a product: at hidden 150, a step takes 4 to 6 % less time.
  static constexpr int kPrefetchedSteps = 8;

  static FUSED_INLINE Vector Load(const float* from) { return _mm512_loadu_ps(from); }
  static FUSED_INLINE void Store(float* to, Vector x) { _mm512_storeu_ps(to, x); }
  // Does nothing where there is no memory.
  static FUSED_INLINE void Prefetch(const float* from) { _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0); }
  static FUSED_INLINE Vector Broadcast(float x) { return _mm512_set1_ps(x); }
  static FUSED_INLINE Vector Add(Vector x, Vector y) { return _mm512_add_ps(x, y); }
  static FUSED_INLINE Vector Multiply(Vector x, Vector y) { return _mm512_mul_ps(x, y); }
  static FUSED_INLINE Vector Divide(Vector x, Vector y) { return _mm512_div_ps(x, y); }
  // x * y + z
  static FUSED_INLINE Vector MultiplyAdd(Vector x, Vector y, Vector z) { return _mm512_fmadd_ps(x, y, z); }
  // z - x * y
  static FUSED_INLINE Vector SubtractProduct(Vector z, Vector x, Vector y) { return _mm512_fnmadd_ps(x, y, z); }
  // These two give NaN where x is NaN.
  static FUSED_INLINE Vector Min(Vector x, Vector bound) { return _mm512_min_ps(bound, x); }
  static FUSED_INLINE Vector Max(Vector x, Vector bound) { return _mm512_max_ps(bound, x); }
  // x where `test` is above 0, else 0.
  static FUSED_INLINE Vector WherePositive(Vector test, Vector x) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(test, _mm512_setzero_ps(), _CMP_GT_OQ), x);
  }
};

}  // namespace torch_rnn_mnist::fused
