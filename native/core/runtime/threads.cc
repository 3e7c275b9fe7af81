#include "native/core/runtime/threads.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#ifndef _WIN32
#include <pthread.h>

// A function of OpenMP 5.0, from the OpenMP library that comes with libtorch. Weak: an older library lacks it, and its pools then stay.
extern "C" int omp_pause_resource_all(int kind) __attribute__((weak));
#endif

namespace torch_rnn_mnist {
namespace {

void NameThisThread() {
#if defined(__linux__)
  pthread_setname_np(pthread_self(), kModelThreadName);
#elif defined(__APPLE__)
  pthread_setname_np(kModelThreadName);
#endif
}

}  // namespace

void PrepareComputeThread(int threads) {
  NameThisThread();
  at::globalContext().setFlushDenormal(true);
  // libtorch also keeps the latest count for the whole process and gives it to each thread that asks for the first time. So the default
  // is read before any count is set, and this thread asks before it sets its own. Otherwise a model would get the count of another one
  // (threads_test, ThreadCountBelongsToItsThread).
  static const int default_threads = at::get_num_threads();
  at::get_num_threads();
  at::set_num_threads(threads > 0 ? threads : default_threads);
}

void ReleaseThreadPool() {
#ifndef _WIN32
  constexpr int kSoftPause = 1;  // omp_pause_soft: keeps settings such as the thread count.
  if (omp_pause_resource_all != nullptr) omp_pause_resource_all(kSoftPause);
#endif
}

}  // namespace torch_rnn_mnist
