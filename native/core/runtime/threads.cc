#include "native/core/runtime/threads.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#ifndef _WIN32
#include <pthread.h>

// Of OpenMP 5.0, in the OpenMP library that libtorch brings. Weak: an older library goes without, and its pools stay.
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
  // libtorch also keeps the last count for the whole process, and a thread that asks for the first time gets that one. So the default
  // is read before any count is set, and this thread asks before its own is set: otherwise a model would take over the count of
  // another one (threads_test, ThreadCountBelongsToItsThread).
  static const int default_threads = at::get_num_threads();
  at::get_num_threads();
  at::set_num_threads(threads > 0 ? threads : default_threads);
}

void ReleaseThreadPool() {
#ifndef _WIN32
  constexpr int kSoftPause = 1;  // omp_pause_soft: settings such as the thread count stay.
  if (omp_pause_resource_all != nullptr) omp_pause_resource_all(kSoftPause);
#endif
}

}  // namespace torch_rnn_mnist
