#include "native/core/data/affine.h"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/reference.h"

namespace torch_rnn_mnist {
namespace {

// Results are sums of four products of floats up to 1 with weights of 24 bits: a few roundings of 6e-8.
constexpr double kTolerance = 1e-6;

torch::Tensor Image(const std::vector<std::vector<float>>& rows) {
  std::vector<torch::Tensor> tensors;
  for (const std::vector<float>& row : rows) tensors.push_back(torch::tensor(row));
  return torch::stack(tensors);
}

// [rows, columns] with values from 0 to 1, as in tests/fixtures/augmentation.
torch::Tensor Picture(int64_t rows, int64_t columns) {
  return torch::arange(rows * columns, torch::kInt64).mul(97).remainder(256).to(torch::kFloat32).div(255).view({rows, columns});
}

torch::Tensor Change(const torch::Tensor& image, const AffineTransform& transform) {
  const torch::Tensor pixels = image.contiguous();
  AffineSource source(image.size(0), image.size(1));
  for (int64_t row = 0; row < image.size(0); ++row) {
    std::copy_n(pixels.const_data_ptr<float>() + row * image.size(1), image.size(1), source.Row(row));
  }
  torch::Tensor result = torch::full_like(pixels, -1);  // Every pixel must be written.
  source.Read(SourceOf(transform), result.mutable_data_ptr<float>());
  return result;
}

// The definition once more, by matrices and in double precision: what is at a position of the result comes from where the inverse matrix
// leads, as the mean of the four pixels around, weighted by their closeness.
torch::Tensor ChangeByDefinition(const torch::Tensor& image, const AffineTransform& transform) {
  const auto matrix = [](double a, double b, double c, double d, double e, double f) {
    return torch::tensor({a, b, c, d, e, f, 0.0, 0.0, 1.0}, torch::kFloat64).view({3, 3});
  };
  const double angle = transform.rotation * std::numbers::pi / 180;
  const double centre_x = static_cast<double>(image.size(1) - 1) / 2;
  const double centre_y = static_cast<double>(image.size(0) - 1) / 2;
  const torch::Tensor shift = matrix(1, 0, transform.shift_x, 0, 1, transform.shift_y);
  const torch::Tensor centre = matrix(1, 0, centre_x, 0, 1, centre_y);
  const torch::Tensor rotation = matrix(std::cos(angle), -std::sin(angle), 0, std::sin(angle), std::cos(angle), 0);
  const torch::Tensor scale = matrix(transform.scale, 0, 0, 0, transform.scale, 0);
  const torch::Tensor shear = matrix(1, -std::tan(transform.shear * std::numbers::pi / 180), 0, 0, 1, 0);
  const torch::Tensor flip = matrix(transform.flip ? -1 : 1, 0, 0, 0, 1, 0);
  const torch::Tensor forth = shift.matmul(centre).matmul(rotation).matmul(scale).matmul(shear).matmul(flip).matmul(centre.inverse());
  const torch::Tensor back = forth.inverse().contiguous();
  const auto* m = back.const_data_ptr<double>();
  const auto pixels = image.accessor<float, 2>();
  const auto pixel = [&](double x, double y) {
    const bool is_inside = x >= 0 && y >= 0 && x < static_cast<double>(image.size(1)) && y < static_cast<double>(image.size(0));
    return is_inside ? static_cast<double>(pixels[static_cast<int64_t>(y)][static_cast<int64_t>(x)]) : 0.0;
  };
  torch::Tensor result = torch::empty_like(image, torch::kFloat64);
  auto values = result.accessor<double, 2>();
  for (int64_t row = 0; row < image.size(0); ++row) {
    for (int64_t column = 0; column < image.size(1); ++column) {
      const auto [u, v] = std::pair{static_cast<double>(column), static_cast<double>(row)};
      const double x = m[0] * u + m[1] * v + m[2];
      const double y = m[3] * u + m[4] * v + m[5];
      const auto [left, top] = std::pair{std::floor(x), std::floor(y)};
      const auto [right, down] = std::pair{x - left, y - top};
      values[row][column] = (1 - down) * ((1 - right) * pixel(left, top) + right * pixel(left + 1, top)) +
                            down * ((1 - right) * pixel(left, top + 1) + right * pixel(left + 1, top + 1));
    }
  }
  return result;
}

// Many changes of images of many sizes: everything at once, and the widest that options allow. Every other one mirrors.
std::vector<AffineTransform> ManyTransforms() {
  std::vector<AffineTransform> transforms;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto draw = [&](double range) { return range * (2 * torch::rand({}, generator, torch::kFloat64).item<double>() - 1); };
  for (const double width : {0.1, 1.0}) {
    for (int i = 0; i < 40; ++i) {
      transforms.push_back({draw(180 * width), draw(10 * width), draw(10 * width), 1 + draw(0.9 * width), draw(80 * width), i % 2 == 1});
    }
  }
  return transforms;
}

TEST(NoChangeGivesTheSameBits) {
  for (const auto& [rows, columns] : {std::pair{28, 28}, {5, 9}, {1, 1}}) {
    const torch::Tensor image = Picture(rows, columns) - 0.3;
    REQUIRE_SAME(Change(image, {}), image);
  }
}

TEST(WholePixelsMoveExactly) {
  const torch::Tensor image = Picture(5, 7);
  for (int64_t right = -8; right <= 8; ++right) {
    for (int64_t down = -6; down <= 6; ++down) {
      torch::Tensor expected = torch::zeros_like(image);
      for (int64_t row = 0; row < 5; ++row) {
        for (int64_t column = 0; column < 7; ++column) {
          const auto [from_row, from_column] = std::pair{row - down, column - right};
          if (from_row < 0 || from_row >= 5 || from_column < 0 || from_column >= 7) continue;
          expected[row][column] = image[from_row][from_column];
        }
      }
      const AffineTransform shift{.shift_x = static_cast<double>(right), .shift_y = static_cast<double>(down)};
      REQUIRE_SAME(Change(image, shift), expected);
    }
  }
}

TEST(QuarterTurnsOfSquaresAreExactAndClockwise) {
  REQUIRE_SAME(Change(Image({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}), {.rotation = 90}), Image({{7, 4, 1}, {8, 5, 2}, {9, 6, 3}}));
  for (const int64_t side : {3, 8, 28}) {
    const torch::Tensor image = Picture(side, side);
    for (int64_t quarter = -4; quarter <= 4; ++quarter) {
      REQUIRE_SAME(Change(image, {.rotation = 90.0 * static_cast<double>(quarter)}), torch::rot90(image, -quarter).contiguous());
    }
  }
  const torch::Tensor wide = Picture(4, 9);
  REQUIRE_SAME(Change(wide, {.rotation = 180}), wide.flip({0, 1}));
}

TEST(HalfAPixelAveragesNeighbours) {
  REQUIRE_SAME(Change(Image({{2, 4, 8}}), {.shift_x = 0.5}), Image({{1, 3, 6}}));
  REQUIRE_SAME(Change(Image({{2, 4, 8}}), {.shift_x = -0.5}), Image({{3, 6, 4}}));
  REQUIRE_SAME(Change(Image({{2}, {4}, {8}}), {.shift_y = 0.25}), Image({{1.5}, {3.5}, {7}}));
}

TEST(WhatComesFromOutsideIsZero) {
  const torch::Tensor ones = torch::ones({3, 4});
  REQUIRE_SAME(Change(ones, {.shift_x = 0.5, .shift_y = 0.5}), Image({{0.25, 0.5, 0.5, 0.5}, {0.5, 1, 1, 1}, {0.5, 1, 1, 1}}));
  REQUIRE_SAME(Change(ones, {.shift_x = 3.75}), Image({{0, 0, 0, 0.25}, {0, 0, 0, 0.25}, {0, 0, 0, 0.25}}));
  REQUIRE_SAME(Change(ones, {.shift_x = -4}), torch::zeros({3, 4}));
  REQUIRE_SAME(Change(ones, {.shift_y = 1000}), torch::zeros({3, 4}));
}

TEST(ScaleIsAboutTheCentre) {
  const torch::Tensor row = Image({{1, 2, 4, 8, 16}});
  REQUIRE_SAME(Change(row, {.scale = 2}), Image({{2, 3, 4, 6, 8}}));
  REQUIRE_SAME(Change(row, {.scale = 0.5}), Image({{0, 1, 4, 16, 0}}));
  REQUIRE_SAME(Change(Image({{4, 8}}), {.scale = 2}), Image({{5, 7}}));  // The centre is between the two.
}

TEST(PositiveShearLeansToTheRight) {
  const torch::Tensor line = Image({{0, 0, 1, 0, 0}, {0, 0, 2, 0, 0}, {0, 0, 3, 0, 0}, {0, 0, 4, 0, 0}, {0, 0, 5, 0, 0}});
  REQUIRE_SAME(Change(line, {.shear = 45}), Image({{0, 0, 0, 0, 1}, {0, 0, 0, 2, 0}, {0, 0, 3, 0, 0}, {0, 4, 0, 0, 0}, {5, 0, 0, 0, 0}}));
  REQUIRE_SAME(Change(line, {.shear = -45}), Image({{1, 0, 0, 0, 0}, {0, 2, 0, 0, 0}, {0, 0, 3, 0, 0}, {0, 0, 0, 4, 0}, {0, 0, 0, 0, 5}}));
}

TEST(FlipAloneMirrorsLeftToRightBitForBit) {
  REQUIRE_SAME(Change(Image({{1, 2, 3}, {4, 5, 6}}), {.flip = true}), Image({{3, 2, 1}, {6, 5, 4}}));
  for (const auto& [rows, columns] : {std::pair{28, 28}, {5, 9}, {9, 4}, {1, 1}, {1, 2}, {2, 65536}}) {
    const torch::Tensor image = Picture(rows, columns) - 0.3;
    REQUIRE_SAME(Change(image, {.flip = true}), image.flip({1}));
  }
}

TEST(FlipComesBeforeTheOtherChanges) {
  REQUIRE_SAME(Change(Image({{1, 2, 3, 4}}), {.shift_x = 1, .flip = true}), Image({{0, 4, 3, 2}}));
  const torch::Tensor image = Picture(12, 9);
  const torch::Tensor mirrored = image.flip({1}).contiguous();
  for (AffineTransform transform : ManyTransforms()) {
    transform.flip = false;
    const torch::Tensor expected = Change(mirrored, transform);
    transform.flip = true;
    REQUIRE_CLOSE(Change(image, transform), expected, kTolerance, 0);
  }
}

TEST(ImagesFollowTheDefinition) {
  for (const auto& [rows, columns] : {std::pair{28, 28}, {4, 5}, {9, 3}, {1, 7}, {7, 1}, {1, 1}, {40, 64}}) {
    const torch::Tensor image = Picture(rows, columns);
    for (const AffineTransform& transform : ManyTransforms()) {
      REQUIRE_CLOSE(Change(image, transform), ChangeByDefinition(image, transform), kTolerance, 0);
    }
  }
}

TEST(LongRowsStayExact) {
  // The widest image of a model. Each step along a row adds at most 2^-33 pixels of error, and neighbours differ by less than 1.
  const torch::Tensor image = Picture(2, 65536);
  for (const AffineTransform& transform : {AffineTransform{.shift_x = 0.3, .scale = 1.01}, {.rotation = 0.001, .scale = 0.7}}) {
    REQUIRE_CLOSE(Change(image, transform), ChangeByDefinition(image, transform), 1e-5 + kTolerance, 0);
  }
}

TEST(ImagesEqualPyTorchs) {
  const reference::Numbers fixture(AFFINE_NUMBERS);
  constexpr int kCases = 17;  // As in the script.
  for (int number = 0; number < kCases; ++number) {
    const std::string name = std::to_string(number) + "/";
    const torch::Tensor image =
        Picture(static_cast<int64_t>(fixture.Number(name + "rows")), static_cast<int64_t>(fixture.Number(name + "columns")));
    const AffineTransform transform{fixture.Number(name + "rotation"), fixture.Number(name + "shift_x"),
                                    fixture.Number(name + "shift_y"),  fixture.Number(name + "scale"),
                                    fixture.Number(name + "shear"),    fixture.Number(name + "flip") == 1};
    REQUIRE_CLOSE(Change(image, transform), fixture.Get(name + "result"), kTolerance, 0);
  }
}

TEST(LibtorchGivesTheSameOnAnyDevice) {
  const std::vector<AffineTransform> transforms = ManyTransforms();
  std::vector<SourceMap> maps;
  for (const AffineTransform& transform : transforms) maps.push_back(SourceOf(transform));
  for (const auto& [rows, columns] : {std::pair{28, 28}, {5, 9}, {1, 1}}) {
    const torch::Tensor image = Picture(rows, columns);
    const torch::Tensor changed = ReadAffine(image.expand({static_cast<int64_t>(maps.size()), rows, columns}), maps);
    for (size_t i = 0; i < maps.size(); ++i) {
      // Its positions are float32: up to 100 pixels away with an error of 1e-5 there, and less within the image.
      REQUIRE_CLOSE(changed[static_cast<int64_t>(i)], Change(image, transforms[i]), 1e-5, 0);
    }
  }
}

TEST(InkIsKeptUpToTheChangeOfArea) {
  // A smooth blot in the middle, far from the border.
  const torch::Tensor offset = torch::arange(28, torch::kFloat32) - 13.5;
  const torch::Tensor blot = (-(offset.square().unsqueeze(1) + offset.square()) / 18).exp();
  for (const AffineTransform& transform : ManyTransforms()) {
    if (std::abs(transform.shift_x) > 2 || std::abs(transform.shift_y) > 2 || std::abs(transform.scale - 1) > 0.2 ||
        std::abs(transform.shear) > 15) {
      continue;
    }
    const double expected = blot.sum().item<double>() * transform.scale * transform.scale;  // A shear keeps the area, and so does a flip.
    REQUIRE_NEAR(Change(blot, transform).sum().item<double>(), expected, 0.01 * expected);
  }
}

TEST(ExtremeChangesOfLargeImagesAreSafe) {
  constexpr int64_t kSide = int64_t{1} << 22;
  const AffineTransform extreme{.rotation = 180, .shift_x = 1000, .shift_y = -1000, .scale = 0.1, .shear = -80, .flip = true};
  REQUIRE(Change(torch::ones({1, kSide}), extreme).max().item<float>() <= 1);
  REQUIRE(Change(torch::ones({kSide, 1}), extreme).min().item<float>() >= 0);
  REQUIRE_THROWS(kInvalidShape, AffineSource(1, kSide + 1));
  REQUIRE_THROWS(kInvalidShape, AffineSource(kSide + 1, 1));
}

}  // namespace
}  // namespace torch_rnn_mnist
