#pragma once

#include <torch/types.h>

namespace torch_rnn_mnist {

// The eigenvalues of a square matrix that need not be symmetric: float64 [N, 2], real and imaginary parts, in LAPACK's order. Computes in
// float64. Throws ERR_INVALID_SHAPE for other shapes, and ERR_NOT_FINITE for a matrix with NaN or an infinity.
torch::Tensor Eigenvalues(const torch::Tensor& matrix);

// Prepares the calling thread for Eigenvalues, and the process for its exit meanwhile. It computes alone: matrices of this size are too
// small to share, and so its thread has no pool of OpenMP threads that would slow down those of the models (see threads.h).
void PrepareEigenvalueThread();

}  // namespace torch_rnn_mnist
