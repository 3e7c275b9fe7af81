#pragma once

#include "native/fused/vectors/compiler.h"

namespace torch_rnn_mnist::fused {

// tanh(x) = x P(x^2) / Q(x^2) with P and Q of degree 4, within 3.5e-7 of the true value, relatively too; |tanh| <= 1; NaN for NaN.
//
// The coefficients minimise the largest relative error for |x| up to 9.02, where tanh rounds to 1: it is 2.1e-8, so that the rounding of
// float32 dominates. They come from scripts/fused/fit_tanh.py. Beyond, the quotient grows: at 10 it is 1 + 2e-6. So from there on the
// result is exactly 1 or -1, as that of other programs is, and the derivative 1 - tanh^2 exactly 0: even a derivative of 1e-7 would be a
// large gradient where inputs are large.
template <typename Simd>
FUSED_INLINE typename Simd::Vector Tanh(typename Simd::Vector x) {
  using Vector = typename Simd::Vector;
  constexpr float kBound = 10.0F;
  const Vector clamped = Simd::Min(Simd::Max(x, Simd::Broadcast(-kBound)), Simd::Broadcast(kBound));
  const Vector u = Simd::Multiply(clamped, clamped);
  Vector p = Simd::Broadcast(1.331911325156943e-08F);
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(2.058358873347864e-05F));
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(0.003494044599906805F));
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(0.1337972761888823F));
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(0.9999999792139871F));
  Vector q = Simd::Broadcast(7.762058991486326e-07F);
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(0.0003283106767447698F));
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(0.02587111513411117F));
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(0.4671304293498675F));
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(1.0F));
  const Vector quotient = Simd::Divide(Simd::Multiply(clamped, p), q);
  return Simd::Min(Simd::Max(quotient, Simd::Broadcast(-1)), Simd::Broadcast(1));
}

}  // namespace torch_rnn_mnist::fused
