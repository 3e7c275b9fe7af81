#include "native/core/data/augmentation.h"

#include <array>
#include <sstream>

#include "native/core/runtime/error.h"
#include "native/core/runtime/random.h"

namespace torch_rnn_mnist {
namespace {

void CheckRange(const char* name, double value, double largest) {
  if (value >= 0 && value <= largest) return;  // False for NaN, too.
  std::ostringstream message;
  message << "Expected a number from 0 to " << largest << " for the augmentation's " << name << " but received " << value << ".";
  throw Error(kInvalidArgument, message.str());
}

}  // namespace

Augmentation::Augmentation(const AugmentationOptions& options, uint64_t seed, uint64_t epoch)
    : options_(options), seed_(seed), epoch_(epoch) {
  CheckRange("shift", options.shift, 1000);
  CheckRange("rotation", options.rotation, 180);
  CheckRange("scale", options.scale, 0.9);
  CheckRange("shear", options.shear, 80);
  CheckRange("flip", options.flip, 1);
}

AffineTransform Augmentation::Draw(int64_t sample) const {
  const auto numbers = UniformNumbers(seed_, RandomPurpose::kAugment, epoch_, static_cast<uint64_t>(sample));
  return {.rotation = options_.rotation * numbers[0],
          .shift_x = options_.shift * numbers[1],
          .shift_y = options_.shift * numbers[2],
          .scale = 1 + options_.scale * numbers[3],
          .shear = options_.shear * numbers[4],
          .flip = numbers[5] < 2 * options_.flip - 1};
}

}  // namespace torch_rnn_mnist
