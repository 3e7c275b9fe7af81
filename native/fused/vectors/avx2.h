#pragma once

#include <immintrin.h>

#include "native/fused/vectors/compiler.h"

namespace torch_rnn_mnist::fused {

// AVX2 with FMA. See avx512.h for what the members mean.
struct Avx2 {
  using Vector = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kSums = 12;    // Of 16 registers.
  static constexpr int kVectors = 3;  // 4 x 3 needs 7 loads for 12 multiplications, 6 x 2 needs 8: a step took 5 % longer.
  static constexpr int kPrefetchedSteps = 0;

  static FUSED_INLINE Vector Load(const float* from) { return _mm256_loadu_ps(from); }
  static FUSED_INLINE void Store(float* to, Vector x) { _mm256_storeu_ps(to, x); }
  static FUSED_INLINE Vector Broadcast(float x) { return _mm256_set1_ps(x); }
  static FUSED_INLINE Vector Add(Vector x, Vector y) { return _mm256_add_ps(x, y); }
  static FUSED_INLINE Vector Multiply(Vector x, Vector y) { return _mm256_mul_ps(x, y); }
  static FUSED_INLINE Vector Divide(Vector x, Vector y) { return _mm256_div_ps(x, y); }
  static FUSED_INLINE Vector MultiplyAdd(Vector x, Vector y, Vector z) { return _mm256_fmadd_ps(x, y, z); }
  static FUSED_INLINE Vector SubtractProduct(Vector z, Vector x, Vector y) { return _mm256_fnmadd_ps(x, y, z); }
  static FUSED_INLINE Vector Min(Vector x, Vector bound) { return _mm256_min_ps(bound, x); }
  static FUSED_INLINE Vector Max(Vector x, Vector bound) { return _mm256_max_ps(bound, x); }
  static FUSED_INLINE Vector WherePositive(Vector test, Vector x) {
    return _mm256_and_ps(_mm256_cmp_ps(test, _mm256_setzero_ps(), _CMP_GT_OQ), x);
  }
};

}  // namespace torch_rnn_mnist::fused
