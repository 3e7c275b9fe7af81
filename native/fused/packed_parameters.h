#pragma once

#include <cstdint>
#include <vector>

#include "native/fused/kernels.h"
#include "native/fused/memory.h"
#include "native/fused/piece.h"
#include "native/fused/shape.h"
#include "native/fused/thread_pool.h"

namespace torch_rnn_mnist::fused {

// The parameters in the order in which the kernels read them. Matrices are packed twice, for the forward and for the backward pass.
class PackedParameters {
 public:
  PackedParameters(const Shape& shape, const Kernels& kernels);

  void Pack(const Parameters& parameters, ThreadPool& pool);
  const PackedNetwork& network() const { return network_; }

 private:
  struct Job {
    const float* matrix;
    int64_t rows;
    int64_t columns;
    float* panels;
    bool transposed;
  };
  void AddMatrix(const float* matrix, int64_t rows, int64_t columns, float* transposed, float* itself);

  const Shape shape_;
  const Kernels& kernels_;
  std::vector<PackedLayer> layers_;
  PackedNetwork network_{};
  Arrays memory_;
  std::vector<Job> jobs_;  // Of the latest Pack; kept for its memory.
};

}  // namespace torch_rnn_mnist::fused
