#include "native/fused/blank_prefix.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace torch_rnn_mnist::fused {
namespace {

// A step of the prefix takes as long as that of some six samples, because it reads all weights for a single row, while the other threads
// wait. So it pays for at least this many samples that are still blank.
constexpr int64_t kWorthwhile = 8;

// Whether all values of a row are 0. A row with -0 does not count, which only costs time. Without a branch for each value, compilers make
// vectors of it.
bool IsBlank(const float* row, int64_t features) {
  uint32_t bits = 0;
  for (int64_t i = 0; i < features; ++i) bits |= std::bit_cast<uint32_t>(row[i]);
  return bits == 0;
}

// The first row of an image that is not blank; the last row, if all are.
int64_t FirstInk(const float* image, int64_t steps, int64_t features) {
  int64_t row = 0;
  while (row < steps - 1 && IsBlank(image + row * features, features)) ++row;
  return row;
}

}  // namespace

BlankPrefix NoBlankPrefix(const Images& images) {
  BlankPrefix prefix;
  prefix.order.resize(static_cast<size_t>(images.samples));
  std::iota(prefix.order.begin(), prefix.order.end(), 0);
  const auto shift = [&](int64_t sample) { return images.ShiftOf(sample); };
  std::stable_sort(prefix.order.begin(), prefix.order.end(), [&](int64_t a, int64_t b) { return shift(a) < shift(b); });
  prefix.enters.resize(prefix.order.size());
  std::transform(prefix.order.begin(), prefix.order.end(), prefix.enters.begin(), shift);
  return prefix;
}

BlankPrefix FindBlankPrefix(const Images& images, int64_t features) {
  BlankPrefix prefix = NoBlankPrefix(images);
  std::vector<int64_t> ink(static_cast<size_t>(images.samples));
  std::vector<int64_t> begin_there(static_cast<size_t>(images.steps), 0);
  for (size_t sample = 0; sample < ink.size(); ++sample) {
    ink[sample] = FirstInk(images.values + static_cast<int64_t>(sample) * images.steps * features, images.steps, features);
    ++begin_there[static_cast<size_t>(ink[sample])];
  }
  int64_t blank = images.samples;
  for (const int64_t samples : begin_there) {
    blank -= samples;  // Those whose row at this step is blank, as all before it.
    if (blank < kWorthwhile) break;
    ++prefix.steps;
  }
  if (prefix.steps == 0) return prefix;
  std::stable_sort(prefix.order.begin(), prefix.order.end(),
                   [&](int64_t a, int64_t b) { return ink[static_cast<size_t>(a)] < ink[static_cast<size_t>(b)]; });
  for (size_t i = 0; i < ink.size(); ++i) prefix.enters[i] = std::min(ink[static_cast<size_t>(prefix.order[i])], prefix.steps);
  return prefix;
}

}  // namespace torch_rnn_mnist::fused
