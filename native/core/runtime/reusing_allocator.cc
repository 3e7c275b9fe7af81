#include "native/core/runtime/reusing_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <limits>
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

// What lies in the header of a block.
struct Header {
  size_t size;
  const void* owner;  // The blocks of the thread that took it; null where a thread keeps none.
};

Header& HeaderOf(void* data) { return *static_cast<Header*>(BlockStart(data)); }

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

thread_local KeptBlocks* kept_blocks = nullptr;  // Null on threads that keep none.

// Owns the blocks of its thread. Tensors that are freed still later, while the thread ends, must not find them any more.
class KeptBlocksOwner {
 public:
  ~KeptBlocksOwner() { kept_blocks = nullptr; }
  void Use() { kept_blocks = &blocks_; }

 private:
  KeptBlocks blocks_;
};

// A thread keeps only blocks that it took itself. Those that others hand to it (the images of a call, which the JavaScript thread copies)
// it would never use again: they would pile up.
void Free(void* data) {
  if (data == nullptr) return;
  const Header header = HeaderOf(data);
  if (kept_blocks != nullptr && header.owner == kept_blocks && kept_blocks->Keep(data, header.size)) return;
  c10::free_cpu(BlockStart(data));
}

class ReusingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = kept_blocks != nullptr && size >= kSmallestKept ? kept_blocks->Take(size) : nullptr;
    if (data == nullptr && size > 0) data = Allocate(size);
    return {data, data, &Free, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }

 private:
  static void* Allocate(size_t size) {
    // With the header, the largest sizes would be none any more: libtorch's own function refuses them as they are.
    const bool fits = size <= static_cast<size_t>(std::numeric_limits<ptrdiff_t>::max()) - kHeader;
    void* const start = AllocateOrRelease(fits ? size + kHeader : size);
    *static_cast<Header*>(start) = {size, kept_blocks};
    return static_cast<std::byte*>(start) + kHeader;
  }

  // What this thread keeps must not be the reason for a lack of memory.
  static void* AllocateOrRelease(size_t size) {
    if (KeptBytes() == 0) return c10::alloc_cpu(size);
    try {
      return c10::alloc_cpu(size);
    } catch (const c10::Error&) {
      ReleaseKeptMemory();
      return c10::alloc_cpu(size);
    }
  }
};

}  // namespace

void InstallReusingAllocator() {
  static std::once_flag once;
  // Never freed: tensors outlive everything here.
  std::call_once(once, [] { c10::SetCPUAllocator(new ReusingAllocator); });
}

void ReuseMemoryOnThisThread() {
  thread_local KeptBlocksOwner owner;
  owner.Use();
}

void ReleaseKeptMemory() {
  if (kept_blocks != nullptr) kept_blocks->Release();
}

size_t KeptBytes() { return kept_blocks == nullptr ? 0 : kept_blocks->bytes(); }

}  // namespace torch_rnn_mnist
