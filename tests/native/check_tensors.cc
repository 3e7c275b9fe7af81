#include "tests/native/check_tensors.h"

#include <limits>
#include <optional>
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

bool HasSameBits(const torch::Tensor& a, const torch::Tensor& b) {
  const auto bytes = [](const torch::Tensor& tensor) { return tensor.detach().cpu().contiguous().flatten().view(torch::kUInt8); };
  return torch::equal(bytes(a), bytes(b));
}

// What distinguishes two tensors, in words; nothing when they are close.
std::optional<std::string> Difference(const torch::Tensor& actual, const torch::Tensor& expected, double atol, double rtol) {
  if (!actual.defined() || !expected.defined()) return "a tensor is undefined";
  if (actual.sizes() != expected.sizes()) return "got shape " + Text(actual.sizes()) + ", want " + Text(expected.sizes());
  const torch::Tensor got = actual.detach().to(torch::kFloat64).flatten();
  const torch::Tensor want = expected.detach().to(torch::kFloat64).flatten();
  if (got.numel() == 0) return std::nullopt;
  const torch::Tensor difference = (got - want).abs();
  // A NaN on either side counts as an infinite excess.
  const torch::Tensor excess = (difference - (atol + rtol * want.abs())).nan_to_num(std::numeric_limits<double>::infinity());
  const int64_t worst = excess.argmax().item<int64_t>();
  if (excess[worst].item<double>() <= 0) return std::nullopt;
  return "at " + IndexText(actual.sizes(), worst) + " got " + Text(got[worst].item<double>()) + ", want " +
         Text(want[worst].item<double>()) + " (largest difference " + Text(difference.max().item<double>()) + ")";
}

}  // namespace

void ExpectClose(const torch::Tensor& actual, const torch::Tensor& expected, double atol, double rtol, const char* file, int line,
                 const char* text) {
  const std::optional<std::string> problem = Difference(actual, expected, atol, rtol);
  if (problem) Fail(file, line, text + (": " + *problem));
}

void ExpectSame(const torch::Tensor& actual, const torch::Tensor& expected, const char* file, int line, const char* text) {
  std::optional<std::string> problem = Difference(actual, expected, /*atol=*/0, /*rtol=*/0);
  if (!problem && actual.scalar_type() != expected.scalar_type()) problem = "other type of elements";
  // What is left: +0 and -0, and integers that differ only beyond the 53 bits of a double.
  if (!problem && !HasSameBits(actual, expected)) problem = "other bits";
  if (problem) Fail(file, line, text + (": " + *problem));
}

}  // namespace check
