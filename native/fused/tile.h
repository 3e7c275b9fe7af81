#pragma once

#include <cstddef>
#include <cstdint>

#include "native/fused/piece.h"
#include "native/fused/vectors/compiler.h"

// The product of two matrices, a tile of the result at a time: kRows rows of kVectors vectors of columns, whose sums stay in registers
// while the depth is summed over:
//   sums[row][column] += sum over k of left[row][k] * right[k][column].
// A step of the depth loads kVectors vectors of the right matrix and broadcasts kRows values of the left one.
//
// Everything that the engine multiplies has this form. The columns are features, so that samples are not padded and one sample is as good
// as many; the rows are samples (forward and backward pass), or features of the other side (gradients of weights, whose depth is samples).
namespace torch_rnn_mnist::fused {

// A left matrix whose depth is contiguous: rows of activations.
struct RowMajor {
  const float* values;
  ptrdiff_t row;  // From a row to the next.
};

// A left matrix whose rows are contiguous: activations that are read as their transpose.
struct ColumnMajor {
  const float* values;
  ptrdiff_t depth;  // From a step of the depth to the next.
};

// A right matrix, in vectors of columns.
struct Vectors {
  const float* values;
  ptrdiff_t depth;   // From a step of the depth to the next.
  ptrdiff_t vector;  // From a vector of columns to the next.
};

template <typename Simd, int kRows, int kVectors>
struct Tile {
  using Vector = typename Simd::Vector;
  Vector sums[kRows][kVectors];

  // Calls visit(row, vector) for each sum.
  template <typename Visit>
  FUSED_INLINE static void ForEach(const Visit& visit) {
    FUSED_UNROLL
    for (int row = 0; row < kRows; ++row) {
      FUSED_UNROLL
      for (int vector = 0; vector < kVectors; ++vector) visit(row, vector);
    }
  }

  FUSED_INLINE void Clear() {
    ForEach([&](int row, int vector) { sums[row][vector] = Simd::Broadcast(0); });
  }

  // row_stride: from a row to the next.
  FUSED_INLINE void Load(const float* from, ptrdiff_t row_stride) {
    ForEach([&](int row, int vector) { sums[row][vector] = Simd::Load(from + row * row_stride + vector * Simd::kLanes); });
  }
  FUSED_INLINE void Add(const float* from, ptrdiff_t row_stride) {
    ForEach([&](int row, int vector) {
      sums[row][vector] = Simd::Add(sums[row][vector], Simd::Load(from + row * row_stride + vector * Simd::kLanes));
    });
  }
  FUSED_INLINE void Store(float* to, ptrdiff_t row_stride) const {
    ForEach([&](int row, int vector) { Simd::Store(to + row * row_stride + vector * Simd::kLanes, sums[row][vector]); });
  }

  FUSED_INLINE void Add(RowMajor left, Vectors right, int64_t depth) {
    for (; depth > 0; --depth) {
      PrefetchStep(right);
      AddStep(left.values, left.row, right);
      left.values += 1;
      right.values += right.depth;
    }
  }

  FUSED_INLINE void Add(ColumnMajor left, Vectors right, int64_t depth) {
    for (; depth > 0; --depth) {
      AddStep(left.values, /*row_stride=*/1, right);
      left.values += left.depth;
      right.values += right.depth;
    }
  }

 private:
  // Not in wide tiles, which have few rows: there, every load counts, and one sample would take 15 % longer.
  FUSED_INLINE static void PrefetchStep(const Vectors& right) {
    if constexpr (Simd::kPrefetchedSteps > 0 && kVectors <= Simd::kVectors) {
      FUSED_UNROLL
      for (int vector = 0; vector < kVectors; ++vector) {
        Simd::Prefetch(right.values + Simd::kPrefetchedSteps * right.depth + vector * right.vector);
      }
    }
  }

  FUSED_INLINE void AddStep(const float* left, ptrdiff_t row_stride, const Vectors& right) {
    Vector columns[kVectors];
    FUSED_UNROLL
    for (int vector = 0; vector < kVectors; ++vector) columns[vector] = Simd::Load(right.values + vector * right.vector);
    FUSED_UNROLL
    for (int row = 0; row < kRows; ++row) {
      const Vector value = Simd::Broadcast(left[row * row_stride]);
      FUSED_UNROLL
      for (int vector = 0; vector < kVectors; ++vector) {
        sums[row][vector] = Simd::MultiplyAdd(value, columns[vector], sums[row][vector]);
      }
    }
  }
};

// The sizes of tiles. All have at most Simd::kSums sums, and at most kMaxRows rows. The usual ones have Simd::kVectors vectors. A tile of
// few rows is wider, because each sum waits for the one before it: there must be enough of them to keep the multipliers busy.
inline constexpr int kMaxRows = 12;
inline constexpr int kMaxVectors = 8;

template <typename Simd>
constexpr int MaxRows(int vectors) {
  const int rows = Simd::kSums / vectors;
  return rows < kMaxRows ? rows : kMaxRows;
}

// The width of the next tile: 8, 4, 3, 2 or 1 vectors.
template <typename Simd>
FUSED_INLINE int ChooseVectors(int64_t rows, int64_t vectors_left) {
  int vectors = Simd::kVectors;
  if (rows <= MaxRows<Simd>(4)) vectors = 4;
  if (rows <= MaxRows<Simd>(8)) vectors = 8;
  if (vectors > vectors_left) vectors = vectors_left < 4 ? static_cast<int>(vectors_left) : 4;
  return vectors == 3 && vectors_left == 4 ? 2 : vectors;  // Two of two are quicker than one of three and one of one.
}

// A function for each size of a tile. Make<kRows, kVectors>::Run is the function of one size.
template <typename Simd, typename Function, template <int kRows, int kVectors> class Make>
struct TileTable {
  Function functions[kMaxVectors][kMaxRows] = {};

  constexpr TileTable() { FillVectors<1>(), FillVectors<2>(), FillVectors<3>(), FillVectors<4>(), FillVectors<8>(); }

  Function Get(int64_t rows, int vectors) const { return functions[vectors - 1][rows - 1]; }

 private:
  template <int kVectors, int kRows = MaxRows<Simd>(kVectors)>
  constexpr void FillVectors() {
    functions[kVectors - 1][kRows - 1] = &Make<kRows, kVectors>::Run;
    if constexpr (kRows > 1) FillVectors<kVectors, kRows - 1>();
  }
};

// Cuts `rows` x `vectors` into tiles, and calls visit(function, row, vector) with the first row and vector of each. The rows are cut
// evenly: 13 into 7 and 6, not into 12 and 1. Tiles with the same vectors follow one another, so that these stay in the fastest cache.
template <typename Simd, typename Table, typename Visit>
FUSED_INLINE void ForEachTile(const Table& table, int64_t rows, int64_t vectors, const Visit& visit) {
  if (rows <= 0) return;
  for (int64_t vector = 0; vector < vectors;) {
    const int width = ChooseVectors<Simd>(rows, vectors - vector);
    const int64_t most = MaxRows<Simd>(width);
    const int64_t tiles = CeilDivide(rows, most);
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t end = (tile + 1) * rows / tiles;
      visit(table.Get(end - row, width), row, vector);
      row = end;
    }
    vector += width;
  }
}

}  // namespace torch_rnn_mnist::fused
