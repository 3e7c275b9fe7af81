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
class Line {
 public:
  Line(Fixed start, Fixed step) : start_(start), step_(step), per_step_(1 / static_cast<double>(step)) {}

  Fixed step() const { return step_; }
  Fixed At(int64_t column) const { return start_ + column * step_; }
  void MoveBy(Fixed distance) { start_ += distance; }
  // The columns `first` to `last` - 1, of 0 to `count` - 1, at which 0 <= coordinate < limit.
  struct Span {
    int64_t first;
    int64_t last;
  };
  Span Inside(Fixed limit, int64_t count) const;

 private:
  Fixed start_;
  const Fixed step_;
  const double per_step_;
};

// Guesses by floating-point numbers, because whole ones divide slowly, and goes on to the exact column.
Line::Span Line::Inside(Fixed limit, int64_t count) const {
  if (step_ == 0) return {0, start_ >= 0 && start_ < limit ? count : 0};
  const auto guess = [&](Fixed edge) {
    return static_cast<int64_t>(std::clamp(static_cast<double>(edge - start_) * per_step_, 0.0, static_cast<double>(count)));
  };
  const bool rises = step_ > 0;
  const auto has_entered = [&](int64_t column) { return rises ? At(column) >= 0 : At(column) < limit; };
  const auto has_left = [&](int64_t column) { return rises ? At(column) >= limit : At(column) < 0; };
  int64_t first = guess(rises ? 0 : limit);
  while (first > 0 && has_entered(first - 1)) --first;
  while (first < count && !has_entered(first)) ++first;
  int64_t last = std::max(first, guess(rises ? limit : 0));
  while (last < count && !has_left(last)) ++last;
  while (last > first && has_left(last - 1)) --last;
  return {first, last};
}

}  // namespace

// The inverse of M = T(shift) C R(rotation) S(scale) H(shear) F C^-1, with torchvision's matrices (_get_inverse_affine_matrix in
// torchvision/transforms/functional.py): y points down, R = [cos -sin; sin cos], H = [1 -tan; 0 1]. F = [-1 0; 0 1] where the image is
// mirrored. C moves to the centre, where this map has its origin.
SourceMap SourceOf(const AffineTransform& transform) {
  constexpr double kRadians = std::numbers::pi / 180;
  const double cos = std::cos(transform.rotation * kRadians) / transform.scale;
  const double sin = std::sin(transform.rotation * kRadians) / transform.scale;
  const double tan = std::tan(transform.shear * kRadians);
  SourceMap map{.xx = cos - sin * tan, .xy = cos * tan + sin, .x0 = 0, .yx = -sin, .yy = cos, .y0 = 0};
  map.x0 = -(map.xx * transform.shift_x + map.xy * transform.shift_y);
  map.y0 = -(map.yx * transform.shift_x + map.yy * transform.shift_y);
  // F, its own inverse, comes last on the way back. A change of sign alone is exact.
  if (transform.flip) map = {-map.xx, -map.xy, -map.x0, map.yx, map.yy, map.y0};
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
  // Positions in the memory, where the border comes first: hence + 1.
  Line x(ToFixed(centre_x + 1 + map.x0 - map.xx * centre_x - map.xy * centre_y), ToFixed(map.xx));
  Line y(ToFixed(centre_y + 1 + map.y0 - map.yx * centre_x - map.yy * centre_y), ToFixed(map.yx));
  const Fixed next_x = ToFixed(map.xy);
  const Fixed next_y = ToFixed(map.yy);
  for (int64_t row = 0; row < rows_; ++row, result += columns_) {
    const Line::Span across = x.Inside((columns_ + 1) * kOne, columns_);
    const Line::Span along = y.Inside((rows_ + 1) * kOne, columns_);
    const int64_t first = std::max(across.first, along.first);
    const int64_t last = std::max(first, std::min(across.last, along.last));
    std::fill(result, result + first, 0.0F);
    Fixed at_x = x.At(first);
    Fixed at_y = y.At(first);
    for (int64_t column = first; column < last; ++column, at_x += x.step(), at_y += y.step()) {
      const float* const upper = pixels_.data() + (at_y >> kPlaces) * stride_ + (at_x >> kPlaces);
      const float* const lower = upper + stride_;
      const float right = Fraction(at_x);
      const float above = upper[0] + right * (upper[1] - upper[0]);
      const float below = lower[0] + right * (lower[1] - lower[0]);
      result[column] = above + Fraction(at_y) * (below - above);
    }
    std::fill(result + last, result + columns_, 0.0F);
    x.MoveBy(next_x);
    y.MoveBy(next_y);
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
