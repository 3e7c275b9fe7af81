#pragma once

#include <limits>

namespace torch_rnn_mnist {

// The name of every model's thread, and of the threads that libtorch starts for it: on Linux a thread inherits the name of the thread that
// starts it. At most 15 characters. Tools show it, and a test counts threads by it (threads.test.ts).
inline constexpr char kModelThreadName[] = "rnn-mnist-model";

// Prepares the calling thread for computing: its name, flush-to-zero, and `threads` OpenMP threads. 0: libtorch's default, but at
// most `cores`, the number of cores that the process may use. All of these apply to this thread only. Flush-to-zero, because denormals slow
// recurrent kernels many times over.
//
// Only such a thread may enter a parallel region of libtorch. libgomp keeps a pool for every thread that ever entered one. When all pools
// together have more threads than there are cores, their threads stop spinning and wait in the kernel instead: a training step then takes
// 2.3 times as long. So on the JavaScript thread, plain loops replace the libtorch operations that would start threads.
// Returns the number of threads.
int PrepareComputeThread(int threads, int cores = std::numeric_limits<int>::max());

// Ends the threads that libtorch's parallel regions keep for the calling thread; the next region starts new ones. So an idle model does not
// slow down the others.
void ReleaseThreadPool();

}  // namespace torch_rnn_mnist
