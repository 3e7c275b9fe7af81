// Muon's iteration on the fused engine's kernels against the same iteration in double, with every instruction set that this processor has.
// Without libtorch, so that ThreadSanitizer sees all of it.
#include "native/fused/orthogonalizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "native/fused/instruction_set.h"
#include "tests/native/check.h"

namespace torch_rnn_mnist::fused {
namespace {

// A single number, less than a vector, a remainder, whole vectors, and so many rows that they are several tasks.
const std::vector<int64_t> kSizes = {1, 3, 19, 32, 70};

std::vector<float> RandomMatrices(int64_t count, int64_t size) {
  std::mt19937_64 generator(7);
  std::vector<float> values(static_cast<size_t>(count * size * size));
  for (float& value : values) value = static_cast<float>(std::ldexp(static_cast<double>(generator() >> 11), -53) - 0.5);
  return values;
}

using Matrix = std::vector<double>;

Matrix Multiply(const Matrix& left, const Matrix& right, int64_t size) {
  Matrix product(left.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t k = 0; k < size; ++k) {
      for (int64_t j = 0; j < size; ++j)
        product[static_cast<size_t>(i * size + j)] += left[static_cast<size_t>(i * size + k)] * right[static_cast<size_t>(k * size + j)];
    }
  }
  return product;
}

Matrix Transpose(const Matrix& matrix, int64_t size) {
  Matrix transposed(matrix.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t j = 0; j < size; ++j) transposed[static_cast<size_t>(j * size + i)] = matrix[static_cast<size_t>(i * size + j)];
  }
  return transposed;
}

// As it is defined: X becomes a X + b (X X^T) X + c (X X^T)^2 X.
Matrix Iterate(const float* matrix, int64_t size) {
  Matrix x(matrix, matrix + size * size);
  double squares = 0;
  for (const double value : x) squares += value * value;
  for (double& value : x) value /= std::max(std::sqrt(squares), kMuonIteration.eps);
  for (int step = 0; step < kMuonIteration.ns_steps; ++step) {
    const Matrix gram = Multiply(x, Transpose(x, size), size);
    const Matrix once = Multiply(gram, x, size);
    const Matrix twice = Multiply(gram, once, size);
    for (size_t i = 0; i < x.size(); ++i) x[i] = kMuonIteration.a * x[i] + kMuonIteration.b * once[i] + kMuonIteration.c * twice[i];
  }
  return x;
}

std::vector<float> Run(const InstructionSet& set, int threads, const std::vector<float>& matrices, int64_t count, int64_t size) {
  ThreadPool pool(threads);
  Orthogonalizer orthogonalizer(set.kernels(), pool);
  std::vector<float> result(matrices.size(), std::numeric_limits<float>::quiet_NaN());
  orthogonalizer.Run({matrices.data(), count, size}, kMuonIteration, {result.data(), count, size});
  return result;
}

TEST(NumbersAreThoseOfTheIteration) {
  constexpr int64_t kCount = 3;
  // Absolute, of numbers up to 1. Five steps add up roundings of 6e-8; the largest difference seen is 6e-7.
  constexpr double kTolerance = 4e-6;
  for (const int64_t size : kSizes) {
    const std::vector<float> matrices = RandomMatrices(kCount, size);
    std::vector<double> expected;
    for (int64_t index = 0; index < kCount; ++index) {
      const Matrix iterated = Iterate(matrices.data() + index * size * size, size);
      expected.insert(expected.end(), iterated.begin(), iterated.end());
    }
    for (const InstructionSet& set : InstructionSets()) {
      const std::vector<float> result = Run(set, /*threads=*/2, matrices, kCount, size);
      double difference = 0;
      for (size_t i = 0; i < expected.size(); ++i) {
        REQUIRE(std::isfinite(result[i]));
        difference = std::max(difference, std::abs(static_cast<double>(result[i]) - expected[i]));
      }
      REQUIRE_NEAR(difference, 0, kTolerance);
    }
  }
}

TEST(NumbersDoNotDependOnThreads) {
  constexpr int64_t kCount = 3;
  constexpr int64_t kSize = 70;
  const std::vector<float> matrices = RandomMatrices(kCount, kSize);
  for (const InstructionSet& set : InstructionSets()) {
    const std::vector<float> alone = Run(set, /*threads=*/1, matrices, kCount, kSize);
    for (const int threads : {2, 3, 5}) REQUIRE(Run(set, threads, matrices, kCount, kSize) == alone);
  }
}

TEST(AZeroMatrixStaysZero) {
  const std::vector<float> zeros(2 * 19 * 19, 0.0F);
  for (const InstructionSet& set : InstructionSets()) REQUIRE(Run(set, 1, zeros, 2, 19) == zeros);
}

TEST(TheResultMayTakeThePlaceOfTheMatrices) {
  const std::vector<float> matrices = RandomMatrices(2, 19);
  const InstructionSet& set = InstructionSets().front();
  ThreadPool pool(2);
  Orthogonalizer orthogonalizer(set.kernels(), pool);
  std::vector<float> values = matrices;
  orthogonalizer.Run({values.data(), 2, 19}, kMuonIteration, {values.data(), 2, 19});
  REQUIRE(values == Run(set, 2, matrices, 2, 19));
}

// The norm is 1 after the division, or below 1 where it was below eps.
TEST(SizesOfNumbersAreDividedAway) {
  constexpr int64_t kSize = 19;
  const InstructionSet& set = InstructionSets().front();
  const std::vector<float> matrix = RandomMatrices(1, kSize);
  const auto times = [&](float factor) {
    std::vector<float> scaled = matrix;
    for (float& value : scaled) value *= factor;
    return scaled;
  };
  const std::vector<float> expected = Run(set, 1, matrix, 1, kSize);
  // By powers of two, so that nothing is rounded.
  for (const float factor : {0x1p-20F, 0x1p60F}) REQUIRE(Run(set, 1, times(factor), 1, kSize) == expected);
  const std::vector<float> tiny = times(0x1p-40F);
  const Matrix iterated = Iterate(tiny.data(), kSize);
  const std::vector<float> result = Run(set, 1, tiny, 1, kSize);
  for (size_t i = 0; i < result.size(); ++i) REQUIRE_NEAR(static_cast<double>(result[i]), iterated[i], 1e-6);
}

// One after the other, with fewer, larger and again the first matrices, and after a rest.
TEST(RunsLeaveNothingBehind) {
  const InstructionSet& set = InstructionSets().front();
  ThreadPool pool(2);
  Orthogonalizer orthogonalizer(set.kernels(), pool);
  const auto run = [&](int64_t count, int64_t size) {
    const std::vector<float> matrices = RandomMatrices(count, size);
    std::vector<float> result(matrices.size());
    orthogonalizer.Run({matrices.data(), count, size}, kMuonIteration, {result.data(), count, size});
    REQUIRE(result == Run(set, 2, matrices, count, size));
  };
  run(3, 19);
  std::vector<float> nans(3 * 19 * 19, std::numeric_limits<float>::quiet_NaN());
  orthogonalizer.Run({nans.data(), 3, 19}, kMuonIteration, {nans.data(), 3, 19});
  for (const float value : nans) REQUIRE(std::isnan(value));
  run(3, 19);
  run(1, 19);
  run(2, 70);
  orthogonalizer.Rest();
  pool.Rest();
  run(3, 19);
}

}  // namespace
}  // namespace torch_rnn_mnist::fused
