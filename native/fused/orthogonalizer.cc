#include "native/fused/orthogonalizer.h"

#include <algorithm>
#include <cmath>
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
  if (std::ssize(places_) == count && size_ == size) return;
  Rest();
  std::vector<Place> places(static_cast<size_t>(count));
  const auto values = static_cast<size_t>(size * PaddedSize(size, kernels_.lanes));
  for (Place& place : places) {
    for (float** array : {&place.x, &place.next_x, &place.gram, &place.square, &place.panels}) memory_.Add(*array, values);
  }
  memory_.Allocate();
  places_ = std::move(places);
  size_ = size;
}

template <typename Task>
void Orthogonalizer::ForRows(const Task& task) {
  const int64_t parts = CeilDivide(size_, kRowsAtOnce);
  pool_.Run(static_cast<int>(std::ssize(places_) * parts), [&](int index) {
    const int64_t part = index % parts;
    task(places_[static_cast<size_t>(index / parts)], part * size_ / parts, (part + 1) * size_ / parts);
  });
}

// X X^T and X^T X have the same eigenvalues, so that with the Gram matrix G = X^T X a step is X (a I + b G + c G^2) as well. It needs no
// transpose. With s^4 = c, X' = s X and G' = X'^T X' = s^2 G, the polynomial of a step is a square of one matrix, but for the diagonal:
//   a I + b G + c G^2 = (G' + h I)^2 + (a - h^2) I,  h = b / (2 s^2),
// and X' becomes X' times that. So a step is three products, of which each takes the result of the one before it.
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
    float* to = places_[static_cast<size_t>(index)].x;
    const auto scale = static_cast<float>(s / std::max(NormOf(from, size), iteration.epsilon));
    for (int64_t i = 0; i < size; ++i) {
      std::transform(from + i * size, from + (i + 1) * size, to + i * row, [scale](float value) { return value * scale; });
    }
  });
  for (int step = 0; step < iteration.steps; ++step) {
    ForRows([&](const Place& place, int64_t first, int64_t end) {
      kernels_.multiply_transposed({place.x, place.x, place.gram, size}, first, end);
      add_to_diagonal(place.gram, h, first, end);
    });
    ForRows([&](const Place& place, int64_t first, int64_t end) {
      kernels_.multiply_transposed({place.gram, place.gram, place.square, size}, first, end);
      add_to_diagonal(place.square, iteration.a - h * h, first, end);
      for (int64_t column = 0; column < row; column += kernels_.lanes) {
        float* panel = place.panels + column * size;
        for (int64_t i = first; i < end; ++i) std::copy_n(place.square + i * row + column, kernels_.lanes, panel + i * kernels_.lanes);
      }
    });
    ForRows([&](const Place& place, int64_t first, int64_t end) {
      kernels_.multiply({place.x, place.panels, place.next_x, size}, first, end);
    });
    for (Place& place : places_) std::swap(place.x, place.next_x);
  }
  ForRows([&](const Place& place, int64_t first, int64_t end) {
    float* to = result.At(&place - places_.data());
    const auto scale = static_cast<float>(1 / s);
    for (int64_t i = first; i < end; ++i) {
      std::transform(place.x + i * row, place.x + i * row + size, to + i * size, [scale](float value) { return value * scale; });
    }
  });
}

void Orthogonalizer::Rest() {
  places_.clear();
  memory_ = Arrays();
}

}  // namespace torch_rnn_mnist::fused
