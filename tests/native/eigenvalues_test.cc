#include "native/core/inference/eigenvalues.h"

#include <limits>
#include <numbers>
#include <tuple>

#include "native/core/runtime/error.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"

namespace torch_rnn_mnist {
namespace {

// Real and imaginary parts, sorted by the real part and then by the imaginary one: LAPACK's order is its own.
torch::Tensor Sorted(const torch::Tensor& matrix) {
  const torch::Tensor values = Eigenvalues(matrix);
  const torch::Tensor by_imaginary = values.index_select(0, values.select(1, 1).argsort());
  return by_imaginary.index_select(0, by_imaginary.select(1, 0).argsort(/*stable=*/true));
}

constexpr double kRounding = 1e-12;  // Of float64, in small matrices.

TEST(EigenvaluesByHand) {
  PrepareEigenvalueThread();
  // A rotation by 90 degrees, and 0.5.
  REQUIRE_CLOSE(Sorted(torch::tensor({{0.0F, -1.0F, 0.0F}, {1.0F, 0.0F, 0.0F}, {0.0F, 0.0F, 0.5F}})),
                torch::tensor({{0.0, -1.0}, {0.0, 1.0}, {0.5, 0.0}}, torch::kFloat64), kRounding, 0);
  // Triangular: those on the diagonal, although rows and columns are far from symmetric.
  REQUIRE_CLOSE(Sorted(torch::tensor({{3.0F, 100.0F}, {0.0F, -2.0F}})), torch::tensor({{-2.0, 0.0}, {3.0, 0.0}}, torch::kFloat64),
                kRounding, 0);
  REQUIRE_CLOSE(Sorted(torch::full({1, 1}, 0.25F)), torch::tensor({{0.25, 0.0}}, torch::kFloat64), kRounding, 0);
}

TEST(EigenvaluesOfARotatingShift) {
  PrepareEigenvalueThread();
  // A shift of 150 neurons in a circle: the 150th roots of 1, each once.
  constexpr int64_t kSize = 150;
  const torch::Tensor values = Eigenvalues(torch::eye(kSize).roll(1, 0));
  const torch::Tensor angles = at::atan2(values.select(1, 1), values.select(1, 0)) * (kSize / (2 * std::numbers::pi));
  const torch::Tensor found = angles.round().remainder(kSize);
  REQUIRE_SAME(std::get<0>(found.sort()), torch::arange(kSize, torch::kFloat64));
  REQUIRE_CLOSE(angles, angles.round(), 1e-9, 0);
  REQUIRE_CLOSE(values.square().sum(1), torch::ones({kSize}, torch::kFloat64), 1e-9, 0);
}

TEST(MatricesWithoutEigenvaluesAreRefused) {
  REQUIRE_THROWS(kInvalidShape, Eigenvalues(torch::zeros({2, 3})));
  REQUIRE_THROWS(kInvalidShape, Eigenvalues(torch::zeros({2, 2, 2})));
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    torch::Tensor matrix = torch::eye(3);
    matrix[1][2] = bad;
    REQUIRE_THROWS(kNotFinite, Eigenvalues(matrix));
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
