#pragma once

#include <cstddef>

namespace torch_rnn_mnist {

// Has libtorch take its CPU memory from an allocator that reuses blocks on threads that ask for it. A training step takes and gives back
// the same blocks every time; glibc returns many of them to the kernel, and a step of the tutorial then costs some 900 page faults.
// Process-wide, and does nothing a second time. Memory that was taken before stays good.
void InstallReusingAllocator();

// From now on the calling thread keeps the larger blocks that are freed on it, up to a bound, and reuses them for requests of the same
// size.
void ReuseMemoryOnThisThread();

// Frees the blocks that the calling thread keeps. This also happens when the thread ends.
void ReleaseKeptMemory();

// Bytes that the calling thread keeps.
size_t KeptBytes();

}  // namespace torch_rnn_mnist
