#pragma once

#include "native/fused/vectors/compiler.h"

namespace torch_rnn_mnist::fused {

// tanh(x) = x P(x^2) / Q(x^2) with P and Q of degree 4, within 3e-7 of the true value, relatively too; |tanh| <= 1; NaN for NaN.
// Beyond the bound the result is that at the bound, which is 2.7e-7 below 1.
//
// The coefficients minimise the largest relative error over the range: 5.7e-9, so that the rounding of float32 dominates. They come from
// scripts/fused/fit_tanh.py.
template <typename Simd>
FUSED_INLINE typename Simd::Vector Tanh(typename Simd::Vector x) {
  using Vector = typename Simd::Vector;
  constexpr float kBound = 7.9F;
  const Vector clamped = Simd::Min(Simd::Max(x, Simd::Broadcast(-kBound)), Simd::Broadcast(kBound));
  const Vector u = Simd::Multiply(clamped, clamped);
  Vector p = Simd::Broadcast(1.542797539530782e-08F);
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(2.202332139322151e-05F));
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(0.003578999227135745F));
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(0.1345062735719235F));
  p = Simd::MultiplyAdd(p, u, Simd::Broadcast(0.9999999944021011F));
  Vector q = Simd::Broadcast(8.598804463409235e-07F);
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(0.0003423660631525503F));
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(0.026192267626548F));
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(0.467839553798842F));
  q = Simd::MultiplyAdd(q, u, Simd::Broadcast(1.0F));
  return Simd::Divide(Simd::Multiply(clamped, p), q);
}

}  // namespace torch_rnn_mnist::fused
