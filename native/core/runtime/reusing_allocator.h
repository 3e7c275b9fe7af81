#pragma once

#include <cstddef>

namespace torch_rnn_mnist {

// Makes libtorch take its CPU memory from an allocator that reuses blocks on threads that ask for it. Every training step allocates and
// frees the same blocks; glibc returns many of them to the kernel, so that a step of the tutorial costs some 900 page faults. Process-wide.
// A second call does nothing. Memory allocated before stays valid.
void InstallReusingAllocator();

// From now on the calling thread keeps the larger blocks that are freed on it, up to a bound, and reuses them for requests of the same
// size.
void ReuseMemoryOnThisThread();

// Frees the blocks that the calling thread keeps. This also happens when the thread ends.
void ReleaseKeptMemory();

// Bytes that the calling thread keeps.
size_t KeptBytes();

}  // namespace torch_rnn_mnist
