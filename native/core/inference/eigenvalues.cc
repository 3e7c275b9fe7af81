#include "native/core/inference/eigenvalues.h"

#include <cstdlib>
#include <mutex>

#include "native/core/runtime/error.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/threads.h"

namespace torch_rnn_mnist {

torch::Tensor Eigenvalues(const torch::Tensor& matrix) {
  if (matrix.dim() != 2 || matrix.size(0) != matrix.size(1)) throw Error(kInvalidShape, "Expected a square matrix for its eigenvalues.");
  if (!matrix.isfinite().all().item<bool>()) throw Error(kNotFinite, "A matrix with NaN or an infinity has no eigenvalues.");
  return torch::view_as_real(at::linalg_eigvals(matrix.to(torch::kFloat64))).contiguous();
}

void PrepareEigenvalueThread() {
  PrepareComputeThread(/*threads=*/1);
  // As PrepareForExit in model_session.cc, for the static objects that this creates.
  static std::once_flag once;
  std::call_once(once, [] {
    Eigenvalues(torch::ones({1, 1}));
    std::atexit(JobQueue::StopAll);
  });
}

}  // namespace torch_rnn_mnist
