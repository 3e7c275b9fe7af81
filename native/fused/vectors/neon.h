#pragma once

#include <arm_neon.h>

#include "native/fused/vectors/compiler.h"

namespace torch_rnn_mnist::fused {

// NEON of 64-bit ARM, where every processor has it, with FMA and with division. See avx512.h for what the members mean.
struct Neon {
  using Vector = float32x4_t;
  static constexpr int kLanes = 4;
  static constexpr int kSums = 24;  // Of 32 registers.
  static constexpr int kVectors = 2;
  static constexpr int kPrefetchedSteps = 0;

  static FUSED_INLINE Vector Load(const float* from) { return vld1q_f32(from); }
  static FUSED_INLINE void Store(float* to, Vector x) { vst1q_f32(to, x); }
  static FUSED_INLINE Vector Broadcast(float x) { return vdupq_n_f32(x); }
  static FUSED_INLINE Vector Add(Vector x, Vector y) { return vaddq_f32(x, y); }
  static FUSED_INLINE Vector Multiply(Vector x, Vector y) { return vmulq_f32(x, y); }
  static FUSED_INLINE Vector Divide(Vector x, Vector y) { return vdivq_f32(x, y); }
  static FUSED_INLINE Vector MultiplyAdd(Vector x, Vector y, Vector z) { return vfmaq_f32(z, x, y); }
  static FUSED_INLINE Vector SubtractProduct(Vector z, Vector x, Vector y) { return vfmsq_f32(z, x, y); }
  // FMIN and FMAX give NaN where either is NaN.
  static FUSED_INLINE Vector Min(Vector x, Vector bound) { return vminq_f32(x, bound); }
  static FUSED_INLINE Vector Max(Vector x, Vector bound) { return vmaxq_f32(x, bound); }
  static FUSED_INLINE Vector WherePositive(Vector test, Vector x) {
    return vreinterpretq_f32_u32(vandq_u32(vcgtzq_f32(test), vreinterpretq_u32_f32(x)));
  }
};

}  // namespace torch_rnn_mnist::fused
