#pragma once

#include <torch/types.h>

namespace check {

// Fails with the index of the largest excess, both values there and the largest difference, unless shapes agree and
// |actual - expected| <= atol + rtol * |expected| everywhere. Compares in double precision.
void ExpectClose(const torch::Tensor& actual, const torch::Tensor& expected, double atol, double rtol, const char* file, int line,
                 const char* text);

// The same type, shape and bits.
void ExpectSame(const torch::Tensor& actual, const torch::Tensor& expected, const char* file, int line, const char* text);

}  // namespace check

#define REQUIRE_CLOSE(actual, expected, atol, rtol) check::ExpectClose(actual, expected, atol, rtol, __FILE__, __LINE__, #actual)
#define REQUIRE_SAME(actual, expected) check::ExpectSame(actual, expected, __FILE__, __LINE__, #actual)
