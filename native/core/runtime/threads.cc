#include "native/core/runtime/threads.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>

#ifndef _WIN32
#include <pthread.h>

// A function of OpenMP 5.0, from the OpenMP library that comes with libtorch. Weak: an older library lacks it, and its pools then stay.
extern "C" int omp_pause_resource_all(int kind) __attribute__((weak));
#endif

namespace torch_rnn_mnist {

// How many threads libtorch takes by itself. libtorch also keeps the latest count that anybody set for the whole process, and gives it to
// each thread that asks for the first time. So this must first be called before any count is set.
//
// A process may load several copies of this addon. An inline function that other libraries can see shares its variable with those of the
// other copies (GCC marks it STB_GNU_UNIQUE), so that one copy's count does not become another one's default.
#ifndef _WIN32
__attribute__((visibility("default")))
#endif
inline int DefaultThreads() {
  static const int threads = at::get_num_threads();
  return threads;
}

namespace {

void NameThisThread() {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), kModelThreadName);
#elif defined(__APPLE__)
  pthread_setname_np(kModelThreadName);
#endif
}

}  // namespace

int PrepareComputeThread(int threads, int cores) {
  NameThisThread();
  at::globalContext().setFlushDenormal(true);
  const int default_threads = std::min(DefaultThreads(), cores);
  // A thread gets the latest count of the process when it asks for the first time. This one asks before it sets its own: otherwise a model
  // would get the count of another one (threads_test, ThreadCountBelongsToItsThread).
  at::get_num_threads();
  const int count = threads > 0 ? threads : default_threads;
  at::set_num_threads(count);
  return count;
}

void ReleaseThreadPool() {
#ifndef _WIN32
  constexpr int kSoftPause = 1;  // omp_pause_soft: keeps settings such as the thread count.
  if (omp_pause_resource_all != nullptr) omp_pause_resource_all(kSoftPause);
#endif
}

}  // namespace torch_rnn_mnist
