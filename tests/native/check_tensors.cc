#include "tests/native/check_tensors.h"

#include <limits>
#include <string>

#include "tests/native/check.h"

namespace check {
namespace {

// The row-major indices of a flat position, such as "[3, 7]".
std::string IndexText(torch::IntArrayRef shape, int64_t position) {
  std::string text;
  for (size_t axis = shape.size(); axis-- > 0;) {
    text = std::to_string(position % shape[axis]) + (text.empty() ? "" : ", ") + text;
    position /= shape[axis];
  }
  return "[" + text + "]";
}

}  // namespace

void ExpectClose(const torch::Tensor& actual, const torch::Tensor& expected, double atol, double rtol, const char* file, int line,
                 const char* text) {
  REQUIRE(actual.defined() && expected.defined());
  if (actual.sizes() != expected.sizes()) {
    Fail(file, line, std::string(text) + ": got shape " + Text(actual.sizes()) + ", want " + Text(expected.sizes()));
  }
  const torch::Tensor got = actual.detach().to(torch::kFloat64).flatten();
  const torch::Tensor want = expected.detach().to(torch::kFloat64).flatten();
  if (got.numel() == 0) return;
  const torch::Tensor difference = (got - want).abs();
  // A NaN on either side counts as an infinite excess.
  const torch::Tensor excess = (difference - (atol + rtol * want.abs())).nan_to_num(std::numeric_limits<double>::infinity());
  const int64_t worst = excess.argmax().item<int64_t>();
  if (excess[worst].item<double>() <= 0) return;
  Fail(file, line,
       std::string(text) + ": at " + IndexText(actual.sizes(), worst) + " got " + Text(got[worst].item<double>()) + ", want " +
           Text(want[worst].item<double>()) + " (largest difference " + Text(difference.max().item<double>()) + ")");
}

void ExpectSame(const torch::Tensor& actual, const torch::Tensor& expected, const char* file, int line, const char* text) {
  if (actual.scalar_type() != expected.scalar_type()) Fail(file, line, std::string(text) + ": other type of elements");
  ExpectClose(actual, expected, /*atol=*/0, /*rtol=*/0, file, line, text);
}

}  // namespace check
