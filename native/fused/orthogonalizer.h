#pragma once

#include <cstdint>
#include <vector>

#include "native/fused/kernels.h"
#include "native/fused/memory.h"
#include "native/fused/newton_schulz.h"
#include "native/fused/thread_pool.h"

namespace torch_rnn_mnist::fused {

// Makes matrices nearly orthogonal, which is most of the work of an update of Muon. The numbers do not depend on how many threads there
// are.
class Orthogonalizer {
 public:
  // Both must outlive it.
  Orthogonalizer(const Kernels& kernels, ThreadPool& pool) : kernels_(kernels), pool_(pool) {}

  // Divides each matrix by its Frobenius norm and iterates. `result`: as many and as large; may be `matrices` itself.
  void Run(const SquareMatrices<const float>& matrices, const NewtonSchulz& iteration, const SquareMatrices<float>& result);
  // Frees the memory; the next run takes it anew.
  void Rest();

 private:
  // The matrices of one iteration, with padded rows. The padding may hold anything: no product reads it.
  struct Buffers {
    float* x = nullptr;
    float* gram = nullptr;  // Later in a step, the next `x`.
    float* polynomial = nullptr;
    float* panels = nullptr;  // `polynomial` as a right matrix.
  };

  void Prepare(int64_t count, int64_t size);
  // Calls task(buffers, first, end) for the rows of all matrices, some at a time, on all threads.
  template <typename Task>
  void ForRows(const Task& task);

  const Kernels& kernels_;
  ThreadPool& pool_;
  Arrays memory_;
  std::vector<Buffers> buffers_;
  int64_t size_ = 0;
};

}  // namespace torch_rnn_mnist::fused
