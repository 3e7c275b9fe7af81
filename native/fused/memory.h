#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace torch_rnn_mnist::fused {

// Arrays of float32 in one piece of memory, each on a cache line of its own. First all are asked for, then Allocate sets them. The values
// begin at zero.
class Arrays {
 public:
  // Sets `array` later; it must stay where it is until then.
  void Add(float*& array, size_t size) {
    wishes_.emplace_back(&array, size_);
    size_ += (size + kAlignment - 1) / kAlignment * kAlignment;
  }

  void Allocate() {
    memory_.reset(new (std::align_val_t{kAlignment * sizeof(float)}) float[size_]());
    for (const auto& [array, offset] : wishes_) *array = memory_.get() + offset;
    wishes_.clear();
  }

 private:
  static constexpr size_t kAlignment = 16;  // In values: 64 bytes.

  struct Free {
    void operator()(float* memory) const { operator delete[](memory, std::align_val_t{kAlignment * sizeof(float)}); }
  };

  std::vector<std::pair<float**, size_t>> wishes_;
  size_t size_ = 0;
  std::unique_ptr<float[], Free> memory_;
};

}  // namespace torch_rnn_mnist::fused
