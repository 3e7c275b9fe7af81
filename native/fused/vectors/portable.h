#pragma once

#include <cstring>

#include "native/fused/vectors/compiler.h"

// Vectors in plain C++, for every processor. See avx512.h for what the members mean. MultiplyAdd rounds twice, except where the compiler
// contracts it: a call of std::fma would be a function call on a processor without FMA.
namespace torch_rnn_mnist::fused {

// An array and loops over it. Of any width, so it tests the logic of wide vectors on a processor that has none. It is slow: compilers keep
// such arrays in memory rather than in registers.
template <int kWidth, int kSumsInTile>
struct ArrayVector {
  struct Vector {
    float lanes[kWidth];
  };
  static constexpr int kLanes = kWidth;
  static constexpr int kSums = kSumsInTile;
  static constexpr int kVectors = 2;
  static constexpr int kPrefetchedSteps = 0;

  static FUSED_INLINE Vector Load(const float* from) {
    return Each([from](int i) { return from[i]; });
  }
  static FUSED_INLINE void Store(float* to, const Vector& x) { std::memcpy(to, x.lanes, sizeof x.lanes); }
  static FUSED_INLINE Vector Broadcast(float x) {
    return Each([x](int) { return x; });
  }
  static FUSED_INLINE Vector Add(const Vector& x, const Vector& y) {
    return Each([&](int i) { return x.lanes[i] + y.lanes[i]; });
  }
  static FUSED_INLINE Vector Multiply(const Vector& x, const Vector& y) {
    return Each([&](int i) { return x.lanes[i] * y.lanes[i]; });
  }
  static FUSED_INLINE Vector Divide(const Vector& x, const Vector& y) {
    return Each([&](int i) { return x.lanes[i] / y.lanes[i]; });
  }
  static FUSED_INLINE Vector MultiplyAdd(const Vector& x, const Vector& y, const Vector& z) {
    return Each([&](int i) { return x.lanes[i] * y.lanes[i] + z.lanes[i]; });
  }
  static FUSED_INLINE Vector SubtractProduct(const Vector& z, const Vector& x, const Vector& y) {
    return Each([&](int i) { return z.lanes[i] - x.lanes[i] * y.lanes[i]; });
  }
  static FUSED_INLINE Vector Min(const Vector& x, const Vector& bound) {
    return Each([&](int i) { return bound.lanes[i] < x.lanes[i] ? bound.lanes[i] : x.lanes[i]; });
  }
  static FUSED_INLINE Vector Max(const Vector& x, const Vector& bound) {
    return Each([&](int i) { return bound.lanes[i] > x.lanes[i] ? bound.lanes[i] : x.lanes[i]; });
  }
  static FUSED_INLINE Vector WherePositive(const Vector& test, const Vector& x) {
    return Each([&](int i) { return test.lanes[i] > 0 ? x.lanes[i] : 0.0f; });
  }

 private:
  template <typename Function>
  static FUSED_INLINE Vector Each(Function value) {
    Vector result;
    for (int i = 0; i < kWidth; ++i) result.lanes[i] = value(i);
    return result;
  }
};

// As many sums as a tile of AVX-512, so that its tiles are tested.
using Portable16 = ArrayVector<16, 24>;

#if defined(__GNUC__)

// The vector type of GCC and Clang: SSE2 on x86-64, NEON on ARM64, which all of these processors have. Registers of every processor hold
// four lanes; vectors that are cut into several registers were up to twice as slow.
struct Portable {
  using Vector __attribute__((vector_size(16))) = float;
  static constexpr int kLanes = 4;
  static constexpr int kSums = 12;  // Of 16 registers, as x86-64 has them.
  static constexpr int kVectors = 3;
  static constexpr int kPrefetchedSteps = 0;

  static FUSED_INLINE Vector Load(const float* from) {
    Vector x;
    std::memcpy(&x, from, sizeof x);
    return x;
  }
  static FUSED_INLINE void Store(float* to, Vector x) { std::memcpy(to, &x, sizeof x); }
  static FUSED_INLINE Vector Broadcast(float x) { return Vector{x, x, x, x}; }
  static FUSED_INLINE Vector Add(Vector x, Vector y) { return x + y; }
  static FUSED_INLINE Vector Multiply(Vector x, Vector y) { return x * y; }
  static FUSED_INLINE Vector Divide(Vector x, Vector y) { return x / y; }
  static FUSED_INLINE Vector MultiplyAdd(Vector x, Vector y, Vector z) { return x * y + z; }
  static FUSED_INLINE Vector SubtractProduct(Vector z, Vector x, Vector y) { return z - x * y; }
  static FUSED_INLINE Vector Min(Vector x, Vector bound) { return bound < x ? bound : x; }
  static FUSED_INLINE Vector Max(Vector x, Vector bound) { return bound > x ? bound : x; }
  static FUSED_INLINE Vector WherePositive(Vector test, Vector x) { return test > Vector{} ? x : Vector{}; }
};

#else

using Portable = ArrayVector<4, 12>;

#endif

}  // namespace torch_rnn_mnist::fused
