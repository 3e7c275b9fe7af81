#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace torch_rnn_mnist::fused {

// Arrays of float32 in one piece of memory, each on a cache line of its own. First all are asked for, then Allocate sets them. The values
// begin at zero.
class Arrays {
 public:
  // Sets `array` later; it must stay where it is until then.
  void Add(float*& array, size_t size) {
    wishes_.emplace_back(&array, size_);
    size_ += RoundUp(size, kLine / sizeof(float));
  }

  void Allocate() {
    const size_t needed = size_ * sizeof(float);
    const size_t alignment = needed >= kLargePage / 2 ? kLargePage : kLine;
    const size_t bytes = RoundUp(needed, alignment);
    memory_ = {static_cast<float*>(::operator new[](bytes, std::align_val_t{alignment})), Free{alignment}};
    if (alignment == kLargePage) UseLargePages(bytes);
    std::fill_n(memory_.get(), size_, 0.0F);
    for (const auto& [array, offset] : wishes_) *array = memory_.get() + offset;
    wishes_.clear();
  }

 private:
  static constexpr size_t kLine = 64;             // Of a cache, in bytes.
  static constexpr size_t kLargePage = 2U << 20;  // Of x86-64 and, mostly, arm64.

  static size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

  // The products walk through more pages of 4 KB than the processor keeps the addresses of. With large ones, a step takes 2 % less time at
  // hidden 150, and 9 % less at 512. Where the system has none to spare, the small ones stay.
  void UseLargePages([[maybe_unused]] size_t bytes) {
#if defined(__linux__)
    madvise(memory_.get(), bytes, MADV_HUGEPAGE);
#endif
  }

  struct Free {
    size_t alignment;
    void operator()(float* memory) const { ::operator delete[](memory, std::align_val_t{alignment}); }
  };

  std::vector<std::pair<float**, size_t>> wishes_;
  size_t size_ = 0;  // In values.
  std::unique_ptr<float[], Free> memory_{nullptr, Free{kLine}};
};

}  // namespace torch_rnn_mnist::fused
