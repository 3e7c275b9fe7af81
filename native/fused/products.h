#pragma once

#include "native/fused/piece.h"
#include "native/fused/tanh.h"
#include "native/fused/tile.h"

// The three products of the passes (passes.h has the mathematics), each with a function for every size of a tile.
namespace torch_rnn_mnist::fused {

template <typename Simd>
struct Products {
  using Vector = typename Simd::Vector;

  // One term of a product: rows of activations times packed weights.
  struct Term {
    RowMajor rows{nullptr, 0};
    const float* panels = nullptr;
    int64_t depth = 0;  // 0: no term.

    FUSED_INLINE RowMajor RowsFrom(int64_t row) const { return {rows.values + row * rows.row, rows.row}; }
    FUSED_INLINE Vectors VectorsFrom(int64_t vector) const {
      const ptrdiff_t panel = depth * Simd::kLanes;
      return {panels + vector * panel, Simd::kLanes, panel};
    }
  };

  // The sum of both terms, which begins with a bias (forward pass) or at zero (backward pass) and ends with f or f'.
  struct Step {
    Term input;
    Term state;
    bool continues;     // Begins with what is in `out` instead.
    bool is_linear;     // Ends with the sum itself.
    const float* bias;  // Forward pass.
    const float* h;     // Backward pass: rows as those of `out`.
    float* bias_gradient;
    float* out;
    ptrdiff_t out_row;
    Nonlinearity nonlinearity;
  };
  using StepFunction = void (*)(const Step&, int64_t row, int64_t vector);

  template <int kRows, int kVectors>
  FUSED_INLINE static void AddTerms(Tile<Simd, kRows, kVectors>& tile, const Step& step, int64_t row, int64_t vector) {
    tile.Add(step.input.RowsFrom(row), step.input.VectorsFrom(vector), step.input.depth);
    tile.Add(step.state.RowsFrom(row), step.state.VectorsFrom(vector), step.state.depth);
  }

  template <int kRows, int kVectors>
  struct ForwardTile {
    static void Run(const Step& step, int64_t row, int64_t vector) {
      Tile<Simd, kRows, kVectors> tile;
      float* out = step.out + row * step.out_row + vector * Simd::kLanes;
      if (step.continues) {
        tile.Load(out, step.out_row);
      } else {
        tile.Load(step.bias + vector * Simd::kLanes, 0);
      }
      AddTerms(tile, step, row, vector);
      const auto finish = [&](const auto& f) {
        tile.ForEach([&](int r, int v) { Simd::Store(out + r * step.out_row + v * Simd::kLanes, f(tile.sums[r][v])); });
      };
      if (step.is_linear) {
        finish([](Vector z) { return z; });
      } else if (step.nonlinearity == Nonlinearity::kTanh) {
        finish([](Vector z) { return Tanh<Simd>(z); });
      } else {
        finish([](Vector z) { return Simd::Max(z, Simd::Broadcast(0)); });
      }
    }
  };

  template <int kRows, int kVectors>
  struct BackwardTile {
    static void Run(const Step& step, int64_t row, int64_t vector) {
      Tile<Simd, kRows, kVectors> tile;
      const ptrdiff_t offset = row * step.out_row + vector * Simd::kLanes;
      if (step.continues) {
        tile.Load(step.out + offset, step.out_row);
      } else {
        tile.Clear();
      }
      AddTerms(tile, step, row, vector);
      if (step.is_linear) return tile.Store(step.out + offset, step.out_row);
      const auto finish = [&](const auto& derivative) {
        FUSED_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          Vector sum = Simd::Broadcast(0);
          FUSED_UNROLL
          for (int r = 0; r < kRows; ++r) {
            const ptrdiff_t at = offset + r * step.out_row + v * Simd::kLanes;
            const Vector delta = derivative(tile.sums[r][v], Simd::Load(step.h + at));
            Simd::Store(step.out + at, delta);
            sum = Simd::Add(sum, delta);
          }
          float* bias = step.bias_gradient + (vector + v) * Simd::kLanes;
          Simd::Store(bias, Simd::Add(Simd::Load(bias), sum));
        }
      };
      if (step.nonlinearity == Nonlinearity::kTanh) {
        finish([](Vector dh, Vector h) { return Simd::SubtractProduct(dh, Simd::Multiply(dh, h), h); });
      } else {
        finish([](Vector dh, Vector h) { return Simd::WherePositive(h, dh); });
      }
    }
  };

  // The gradient of a matrix: a product whose rows are the features of `left`, and whose depth is the rows of both, over some steps.
  struct Outer {
    ColumnMajor left;
    ptrdiff_t left_step;
    Vectors right;
    ptrdiff_t right_step;
    const int64_t* active;  // Rows at each step.
    int64_t steps;
    float* out;
    ptrdiff_t out_row;
    bool adds;
  };
  using OuterFunction = void (*)(const Outer&, int64_t row, int64_t vector);

  template <int kRows, int kVectors>
  struct OuterTile {
    static void Run(const Outer& outer, int64_t row, int64_t vector) {
      Tile<Simd, kRows, kVectors> tile;
      tile.Clear();
      const float* left = outer.left.values + row;
      const float* right = outer.right.values + vector * outer.right.vector;
      for (int64_t step = 0; step < outer.steps; ++step) {
        tile.Add(ColumnMajor{left, outer.left.depth}, Vectors{right, outer.right.depth, outer.right.vector}, outer.active[step]);
        left += outer.left_step;
        right += outer.right_step;
      }
      // Added at the end, not summed on from there: sums of fewer numbers are rounded less.
      float* out = outer.out + row * outer.out_row + vector * Simd::kLanes;
      if (outer.adds) tile.Add(out, outer.out_row);
      tile.Store(out, outer.out_row);
    }
  };

  static constexpr TileTable<Simd, StepFunction, ForwardTile> kForward{};
  static constexpr TileTable<Simd, StepFunction, BackwardTile> kBackward{};
  static constexpr TileTable<Simd, OuterFunction, OuterTile> kOuter{};

  // What a product computes: so many rows of so many columns.
  static void Forward(const Step& step, int64_t rows, int64_t columns) { Compute(kForward, step, rows, columns); }
  static void Backward(const Step& step, int64_t rows, int64_t columns) { Compute(kBackward, step, rows, columns); }
  static void Gradient(const Outer& outer, int64_t rows, int64_t columns) { Compute(kOuter, outer, rows, columns); }

 private:
  template <typename Table, typename Product>
  static void Compute(const Table& table, const Product& product, int64_t rows, int64_t columns) {
    ForEachTile<Simd>(table, rows, PaddedSize(columns, Simd::kLanes) / Simd::kLanes,
                      [&](auto function, int64_t row, int64_t vector) { function(product, row, vector); });
  }
};

}  // namespace torch_rnn_mnist::fused
