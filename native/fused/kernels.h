#pragma once

#include <cstdint>

#include "native/fused/piece.h"
#include "native/fused/shape.h"

namespace torch_rnn_mnist::fused {

// A product of matrices [size, size] whose rows are padded as activations are. `out` may be neither of the others.
struct SquareProduct {
  const float* left;
  const float* right;
  float* out;
  int64_t size;
};

// The engine's inner loops, compiled for one instruction set.
struct Kernels {
  int lanes;

  // Packs a matrix [rows, columns] as a right matrix of products, into panels (see PackedLayer): itself, with depth `rows`; or its
  // transpose, with depth `columns`.
  void (*pack)(const float* matrix, int64_t rows, int64_t columns, float* panels);
  void (*pack_transposed)(const float* matrix, int64_t rows, int64_t columns, float* panels);

  // Copies the images of a piece into its inputs, padded.
  void (*gather)(const Piece& piece, const SampleList& list);
  // Computes the states of all steps, and the logits unless the piece is a prefix.
  void (*forward)(const Piece& piece);
  // Computes the loss of a piece from its logits, and replaces these by its gradient to them.
  Sums (*loss)(const Piece& piece, const SampleList& list, const Targets& targets);
  // Computes the gradients of all weights of a piece whose logits are gradients.
  void (*backward)(const Piece& piece);
  // The same for a prefix, from the sums in piece.entering.
  void (*backward_prefix)(const Piece& piece);

  // Computes the rows from `first` to before `end` of left^T right; and of left right, where `right` is in panels as from `pack`.
  void (*multiply_transposed)(const SquareProduct& product, int64_t first, int64_t end);
  void (*multiply)(const SquareProduct& product, int64_t first, int64_t end);

  // Adds `count` arrays of `size` values to another one.
  void (*add)(const float* const* arrays, int count, int64_t size, float* sum);
};

// Those of each instruction set; which ones are compiled depends on the processor's architecture.
const Kernels& Avx512Kernels();
const Kernels& Avx2Kernels();
const Kernels& NeonKernels();
const Kernels& PortableKernels();
const Kernels& Portable16Kernels();

}  // namespace torch_rnn_mnist::fused
