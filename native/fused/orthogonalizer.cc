#include "native/fused/orthogonalizer.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace torch_rnn_mnist::fused {
namespace {

// Rows of a product that are a task of their own: few enough that several threads have the same amount of work, enough that the columns of
// the right matrix which a tile reads are used several times while they are in the fastest cache.
constexpr int64_t kRowsAtOnce = 64;

double NormOf(const float* matrix, int64_t size) {
  double squares = 0;
  for (int64_t i = 0; i < size * size; ++i) squares += static_cast<double>(matrix[i]) * static_cast<double>(matrix[i]);
  return std::sqrt(squares);
}

}  // namespace

void Orthogonalizer::Prepare(int64_t count, int64_t size) {
  if (std::ssize(buffers_) == count && size_ == size) return;
  Rest();
  std::vector<Buffers> buffers(static_cast<size_t>(count));
  const auto values = static_cast<size_t>(size * PaddedSize(size, kernels_.lanes));
  for (Buffers& each : buffers) {
    for (float** array : {&each.x, &each.gram, &each.polynomial, &each.panels}) memory_.Add(*array, values);
  }
  memory_.Allocate();
  buffers_ = std::move(buffers);
  size_ = size;
}

template <typename Task>
void Orthogonalizer::ForRows(const Task& task) {
  const int64_t parts = CeilDivide(size_, kRowsAtOnce);
  pool_.Run(static_cast<int>(std::ssize(buffers_) * parts), [&](int index) {
    const int64_t part = index % parts;
    task(buffers_[static_cast<size_t>(index / parts)], part * size_ / parts, (part + 1) * size_ / parts);
  });
}

// (X X^T) X = X (X^T X), so that with the Gram matrix G = X^T X a step is X (a I + b G + c G^2) as well. It needs no transpose. With s^4 =
// c, X' = s X and G' = X'^T X' = s^2 G, the polynomial of a step is a square of one matrix, but for the diagonal:
//   a I + b G + c G^2 = (G' + h I)^2 + (a - h^2) I,  h = b / (2 s^2),
// and X' becomes X' times that. So each of a step's three products is a plain one, of what the one before it gave: none adds a multiple of
// another matrix, which would have to be read again.
void Orthogonalizer::Run(const SquareMatrices<const float>& matrices, const NewtonSchulz& iteration, const SquareMatrices<float>& result) {
  Prepare(matrices.count, matrices.size);
  const int64_t size = matrices.size;
  const int64_t row = PaddedSize(size, kernels_.lanes);
  const double s = std::pow(iteration.c, 0.25);
  const double h = iteration.b / (2 * s * s);
  const auto add_to_diagonal = [&](float* matrix, double value, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) matrix[i * row + i] += static_cast<float>(value);
  };
  pool_.Run(static_cast<int>(matrices.count), [&](int index) {
    const float* from = matrices.At(index);
    float* to = buffers_[static_cast<size_t>(index)].x;
    const auto scale = static_cast<float>(s / std::max(NormOf(from, size), iteration.eps));
    for (int64_t i = 0; i < size; ++i) {
      std::transform(from + i * size, from + (i + 1) * size, to + i * row, [scale](float value) { return value * scale; });
    }
  });
  for (int step = 0; step < iteration.ns_steps; ++step) {
    ForRows([&](const Buffers& buffers, int64_t first, int64_t end) {
      kernels_.multiply_transposed({buffers.x, buffers.x, buffers.gram, size}, first, end);
      add_to_diagonal(buffers.gram, h, first, end);
    });
    ForRows([&](const Buffers& buffers, int64_t first, int64_t end) {
      kernels_.multiply_transposed({buffers.gram, buffers.gram, buffers.polynomial, size}, first, end);
      add_to_diagonal(buffers.polynomial, iteration.a - h * h, first, end);
      for (int64_t column = 0; column < row; column += kernels_.lanes) {
        float* panel = buffers.panels + column * size;
        for (int64_t i = first; i < end; ++i)
          std::copy_n(buffers.polynomial + i * row + column, kernels_.lanes, panel + i * kernels_.lanes);
      }
    });
    ForRows([&](const Buffers& buffers, int64_t first, int64_t end) {
      kernels_.multiply({buffers.x, buffers.panels, buffers.gram, size}, first, end);
    });
    for (Buffers& each : buffers_) std::swap(each.x, each.gram);
  }
  ForRows([&](const Buffers& buffers, int64_t first, int64_t end) {
    float* to = result.At(&buffers - buffers_.data());
    const auto scale = static_cast<float>(1 / s);
    for (int64_t i = first; i < end; ++i) {
      std::transform(buffers.x + i * row, buffers.x + i * row + size, to + i * size, [scale](float value) { return value * scale; });
    }
  });
}

void Orthogonalizer::Rest() {
  buffers_.clear();
  memory_ = Arrays();
}

}  // namespace torch_rnn_mnist::fused
