#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace torch_rnn_mnist {

// Affine changes of images, with the meaning and the order of torchvision.transforms.functional.affine: about the centre of the image,
// which is ((F - 1) / 2, (T - 1) / 2) where pixel centres are whole numbers, an image is first sheared, then scaled, then rotated, then
// shifted. Where it is mirrored, that comes before all of these, as by torchvision.transforms.functional.hflip.

// One change. The default changes nothing.
struct AffineTransform {
  double rotation =
      0;  // Degrees. Positive turns clockwise as the image is seen, with row 0 on top. (torchvision's rotate turns the other way.)
  double shift_x = 0;  // Pixels. Positive moves what is seen to the right.
  double shift_y = 0;  // Pixels. Positive moves it down.
  double scale = 1;    // Above 0. Above 1 enlarges.
  double shear = 0;    // Degrees, between -90 and 90. Positive leans upright lines to the right, as in italics.
  bool flip = false;   // Mirrors left to right.
};

// Where a result reads from. Positions are relative to the centre, in pixels: x to the right, y down. The result at (x, y) is the image at
// (xx * x + xy * y + x0, yx * x + yy * y + y0).
struct SourceMap {
  double xx, xy, x0;
  double yx, yy, y0;
};
SourceMap SourceOf(const AffineTransform& transform);

// One image, from which a changed one is read: the bilinear interpolation of the four pixels around a position, with zeros outside of the
// image. Plain loops for images on the CPU, which are small: libtorch's operations would take several passes, and start threads.
//
// A border of zeros, one pixel wide, is part of the memory. Everything further outside is skipped, a whole piece of a row at a time, so the
// loop over the pixels between has no branches.
class AffineSource {
 public:
  // Throws ERR_INVALID_SHAPE for an image with a side of more than 2^22 pixels.
  AffineSource(int64_t rows, int64_t columns);

  // The memory of a row, to be filled.
  float* Row(int64_t row) { return pixels_.data() + (row + 1) * stride_ + 1; }
  // Writes the changed image, [rows, columns]. `map` must come from a transform with a scale of at least 0.1 and a shear of at most 80
  // degrees. A position is exact to 2^-33 pixels for every row and column before it, so moves by whole pixels give the very same numbers.
  void Read(const SourceMap& map, float* result) const;

 private:
  const int64_t rows_;
  const int64_t columns_;
  const int64_t stride_;
  std::vector<float> pixels_;  // [rows + 2, columns + 2]
};

// The same for float32 images [N, T, F] on any device, one map for each, by libtorch's grid_sample. Positions are float32.
torch::Tensor ReadAffine(const torch::Tensor& images, const std::vector<SourceMap>& maps);

}  // namespace torch_rnn_mnist
