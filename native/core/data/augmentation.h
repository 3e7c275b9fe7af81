#pragma once

#include <cstdint>

#include "native/core/data/affine.h"

namespace torch_rnn_mnist {

// The largest random changes of an image, and how often it is mirrored. All 0: it stays as it is.
struct AugmentationOptions {
  double shift = 0;     // Along each axis, in pixels: 0 to 1000.
  double rotation = 0;  // To either side, in degrees: 0 to 180.
  double scale = 0;     // As a share: 0.1 gives 0.9 to 1.1 times. 0 to 0.9.
  double shear = 0;     // Horizontal, to either side, in degrees: 0 to 80.
  double flip = 0;      // The probability that left and right change places: 0 to 1.

  bool operator==(const AugmentationOptions&) const = default;
};

// Random changes of training images, as torchvision.transforms.RandomHorizontalFlip(flip) and then RandomAffine make them; but a shift may
// have a fraction of a pixel.
class Augmentation {
 public:
  // Changes nothing.
  Augmentation() = default;
  // `epoch`: the model's, from 0, below 2^48. Throws ERR_INVALID_ARGUMENT for options out of range.
  Augmentation(const AugmentationOptions& options, uint64_t seed, uint64_t epoch);

  bool ChangesNothing() const { return options_ == AugmentationOptions{}; }

  // The change of a sample, which is known by its index in the data set. It depends on seed, epoch and that index alone, and so on no
  // batch, no order and no device. Every number is uniform in its range; they come from UniformNumbers, in the order in which RandomAffine
  // draws: rotation, shift to the right, shift down, scale, shear. The sixth one, u, decides on the flip: an image is mirrored where
  // (u + 1) / 2 is below the probability.
  AffineTransform Draw(int64_t sample) const;

 private:
  AugmentationOptions options_;
  uint64_t seed_ = 0;
  uint64_t epoch_ = 0;
};

}  // namespace torch_rnn_mnist
