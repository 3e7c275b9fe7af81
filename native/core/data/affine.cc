#include "native/core/data/affine.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/grid_sampler_2d.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kLargestSide = int64_t{1} << 22;

// A position in pixels with 32 binary places. Whole numbers add up without rounding, so the ends of a span are exact on every processor.
using Fixed = int64_t;
constexpr int kPlaces = 32;
constexpr Fixed kOne = Fixed{1} << kPlaces;

// Within the limits of kLargestSide and of AffineSource::Read, no position is more than 2^30 pixels away.
Fixed ToFixed(double pixels) { return static_cast<Fixed>(std::llround(pixels * static_cast<double>(kOne))); }

// What is after the point, 0 to below 1: 24 bits, as many as a float holds.
float Fraction(Fixed position) {
  constexpr int kFloatBits = 24;
  constexpr float kUnit = 1.0F / (1 << kFloatBits);
  return static_cast<float>(static_cast<int32_t>((position & (kOne - 1)) >> (kPlaces - kFloatBits))) * kUnit;
}

// A coordinate of the source along a row of the result: start + column * step.
struct Line {
  Fixed start;
  Fixed step;
};

// The columns `first` to `last` - 1 of a row.
struct Span {
  int64_t first;
  int64_t last;
};

int64_t DivideUp(int64_t a, int64_t b) { return a / b + static_cast<int64_t>(a % b != 0 && (a < 0) == (b < 0)); }

// The columns, 0 to `count` - 1, at which 0 <= coordinate < limit.
Span Inside(const Line& line, Fixed limit, int64_t count) {
  if (line.step == 0) return {0, line.start >= 0 && line.start < limit ? count : 0};
  // Going left, -coordinate rises.
  const Fixed step = std::abs(line.step);
  const Fixed to_first = line.step > 0 ? -line.start : line.start - (limit - 1);
  const Fixed to_last = line.step > 0 ? limit - line.start : line.start + 1;
  const int64_t first = std::clamp(DivideUp(to_first, step), int64_t{0}, count);
  return {first, std::clamp(DivideUp(to_last, step), first, count)};
}

}  // namespace

// The inverse of M = T(shift) C R(rotation) S(scale) H(shear) C^-1, with torchvision's matrices (_get_inverse_affine_matrix in
// torchvision/transforms/functional.py): y points down, R = [cos -sin; sin cos], H = [1 -tan; 0 1]. C moves to the centre, where this map
// has its origin.
SourceMap SourceOf(const AffineTransform& transform) {
  constexpr double kRadians = std::numbers::pi / 180;
  const double cos = std::cos(transform.rotation * kRadians) / transform.scale;
  const double sin = std::sin(transform.rotation * kRadians) / transform.scale;
  const double tan = std::tan(transform.shear * kRadians);
  SourceMap map{.xx = cos - sin * tan, .xy = cos * tan + sin, .x0 = 0, .yx = -sin, .yy = cos, .y0 = 0};
  map.x0 = -(map.xx * transform.shift_x + map.xy * transform.shift_y);
  map.y0 = -(map.yx * transform.shift_x + map.yy * transform.shift_y);
  return map;
}

AffineSource::AffineSource(int64_t rows, int64_t columns) : rows_(rows), columns_(columns), stride_(columns + 2) {
  if (std::max(rows, columns) > kLargestSide) {
    throw Error(kInvalidShape, "Expected images of at most " + std::to_string(kLargestSide) + " rows and columns to augment but received " +
                                   std::to_string(rows) + " x " + std::to_string(columns) + ".");
  }
  pixels_.resize(static_cast<size_t>((rows + 2) * stride_));
}

void AffineSource::Read(const SourceMap& map, float* result) const {
  const double centre_x = static_cast<double>(columns_ - 1) / 2;
  const double centre_y = static_cast<double>(rows_ - 1) / 2;
  Line x{0, ToFixed(map.xx)};
  Line y{0, ToFixed(map.yx)};
  for (int64_t row = 0; row < rows_; ++row, result += columns_) {
    const double down = static_cast<double>(row) - centre_y;
    // Positions in the memory, where the border comes first: hence + 1.
    x.start = ToFixed(map.xy * down - map.xx * centre_x + map.x0 + centre_x + 1);
    y.start = ToFixed(map.yy * down - map.yx * centre_x + map.y0 + centre_y + 1);
    const Span across = Inside(x, (columns_ + 1) * kOne, columns_);
    const Span along = Inside(y, (rows_ + 1) * kOne, columns_);
    const int64_t first = std::max(across.first, along.first);
    const int64_t last = std::max(first, std::min(across.last, along.last));
    std::fill(result, result + first, 0.0F);
    Fixed at_x = x.start + first * x.step;
    Fixed at_y = y.start + first * y.step;
    for (int64_t column = first; column < last; ++column, at_x += x.step, at_y += y.step) {
      const float* const upper = pixels_.data() + (at_y >> kPlaces) * stride_ + (at_x >> kPlaces);
      const float* const lower = upper + stride_;
      const float right = Fraction(at_x);
      const float above = upper[0] + right * (upper[1] - upper[0]);
      const float below = lower[0] + right * (lower[1] - lower[0]);
      result[column] = above + Fraction(at_y) * (below - above);
    }
    std::fill(result + last, result + columns_, 0.0F);
  }
}

// The grid is computed without affine_grid, whose matrix product would lose digits where TensorFloat-32 or bfloat16 are allowed.
torch::Tensor ReadAffine(const torch::Tensor& images, const std::vector<SourceMap>& maps) {
  const auto count = static_cast<int64_t>(maps.size());
  torch::Tensor table = torch::empty({6, count, 1, 1}, torch::kFloat32);
  auto* numbers = table.mutable_data_ptr<float>();
  for (const auto member : {&SourceMap::xx, &SourceMap::xy, &SourceMap::x0, &SourceMap::yx, &SourceMap::yy, &SourceMap::y0}) {
    numbers = std::transform(maps.begin(), maps.end(), numbers, [=](const SourceMap& map) { return static_cast<float>(map.*member); });
  }
  table = table.to(images.device());
  const int64_t rows = images.size(1);
  const int64_t columns = images.size(2);
  const torch::Tensor x = at::arange(columns, images.options()) - static_cast<double>(columns - 1) / 2;
  const torch::Tensor y = (at::arange(rows, images.options()) - static_cast<double>(rows - 1) / 2).unsqueeze(1);
  // grid_sample counts from -1 to 1 over the whole width of the pixels (align_corners=False).
  const auto coordinate = [&](int64_t first, int64_t size) {
    return (table[first] * x + table[first + 1] * y + table[first + 2]) * (2 / static_cast<double>(size));
  };
  const torch::Tensor grid = at::stack({coordinate(0, columns), coordinate(3, rows)}, /*dim=*/-1);
  constexpr int64_t kBilinear = 0;
  constexpr int64_t kZeros = 0;
  return at::grid_sampler_2d(images.unsqueeze(1), grid, kBilinear, kZeros, /*align_corners=*/false).squeeze(1);
}

}  // namespace torch_rnn_mnist
