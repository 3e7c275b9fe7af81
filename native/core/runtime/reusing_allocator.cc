#include "native/core/runtime/reusing_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace torch_rnn_mnist {
namespace {

// The size of each block is stored in front of it. As wide as libtorch's alignment, so that the block stays aligned.
constexpr size_t kHeader = 64;
static_assert(kHeader >= c10::gAlignment && kHeader % c10::gAlignment == 0);

// glibc itself reuses smaller blocks.
constexpr size_t kSmallestKept = 16 * 1024;
// More than most training steps use in all. Blocks beyond this bound are freed as usual.
constexpr size_t kMostKept = size_t{1} << 30;

void* BlockStart(void* data) { return static_cast<std::byte*>(data) - kHeader; }

size_t SizeOf(void* data) { return *static_cast<size_t*>(BlockStart(data)); }

// The free blocks of one thread.
class KeptBlocks {
 public:
  KeptBlocks() = default;
  ~KeptBlocks() { Release(); }
  KeptBlocks(const KeptBlocks&) = delete;
  KeptBlocks& operator=(const KeptBlocks&) = delete;

  size_t bytes() const { return bytes_; }

  // Null when there is no block of exactly this size.
  void* Take(size_t size) {
    const auto found = blocks_.find(size);
    if (found == blocks_.end() || found->second.empty()) return nullptr;
    void* const data = found->second.back();
    found->second.pop_back();
    bytes_ -= size;
    return data;
  }

  // False when the block is not kept: then the caller must free it.
  bool Keep(void* data, size_t size) noexcept {
    if (size < kSmallestKept || bytes_ + size > kMostKept) return false;
    try {
      blocks_[size].push_back(data);
    } catch (const std::bad_alloc&) {
      return false;
    }
    bytes_ += size;
    return true;
  }

  void Release() {
    for (const auto& [size, blocks] : blocks_) {
      for (void* data : blocks) c10::free_cpu(BlockStart(data));
    }
    blocks_.clear();
    bytes_ = 0;
  }

 private:
  std::unordered_map<size_t, std::vector<void*>> blocks_;  // By size.
  size_t bytes_ = 0;
};

thread_local std::unique_ptr<KeptBlocks> kept_blocks;  // Null on threads that keep none.

void Free(void* data) {
  if (data == nullptr) return;
  if (kept_blocks && kept_blocks->Keep(data, SizeOf(data))) return;
  c10::free_cpu(BlockStart(data));
}

class ReusingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = kept_blocks && size >= kSmallestKept ? kept_blocks->Take(size) : nullptr;
    if (data == nullptr && size > 0) data = Allocate(size);
    return {data, data, &Free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

 private:
  static void* Allocate(size_t size) {
    // With the header, the largest sizes would be none any more: libtorch's own function refuses them as they are.
    const bool fits = size <= static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max()) - kHeader;
    void* const start = c10::alloc_cpu(fits ? size + kHeader : size);
    *static_cast<size_t*>(start) = size;
    return static_cast<std::byte*>(start) + kHeader;
  }
};

}  // namespace

void InstallReusingAllocator() {
  static std::once_flag once;
  // Never freed: tensors outlive everything here.
  std::call_once(once, [] { c10::SetCPUAllocator(new ReusingAllocator); });
}

void ReuseMemoryOnThisThread() {
  if (!kept_blocks) kept_blocks = std::make_unique<KeptBlocks>();
}

void ReleaseKeptMemory() {
  if (kept_blocks) kept_blocks->Release();
}

size_t KeptBytes() { return kept_blocks ? kept_blocks->bytes() : 0; }

}  // namespace torch_rnn_mnist
