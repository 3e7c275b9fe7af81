#pragma once

#include <cstdint>
#include <vector>

#include "native/fused/blank_prefix.h"
#include "native/fused/memory.h"
#include "native/fused/piece.h"
#include "native/fused/shape.h"

namespace torch_rnn_mnist::fused {

enum class Use {
  kInference,
  kTraining,
  kPrefix,  // For training and inference alike.
};

// The memory with which a thread computes one piece after the other, and the gradient of all of them.
class Slot {
 public:
  // For pieces of up to `rows` samples with so many steps. The network must outlive the slot.
  Slot(const Shape& shape, int lanes, const PackedNetwork& network, Use use, int64_t rows, int64_t steps);
  Slot(const Slot&) = delete;  // The piece points into the slot.
  Slot& operator=(const Slot&) = delete;

  bool Fits(int64_t rows, int64_t steps) const { return rows <= rows_ && steps == steps_; }

  // Sums and gradients start anew. For training.
  void BeginGradient();
  // The slot's next piece is the one with this index, of so many that the batch is cut into, the largest of which has `rows` samples. Each
  // has every so-many-th sample, so that all have about the same number of blank rows.
  void BeginPiece(const BlankPrefix& blank, const Piece* prefix, int64_t index, int64_t pieces, int64_t rows);
  // The slot's next piece is the prefix itself, which gathers the gradients of those who enter.
  void BeginPrefix(int64_t steps);

  Piece piece{};
  std::vector<int64_t> samples;  // Of the piece: their indices in the batch.
  Sums sums;                     // Over the slot's pieces.

 private:
  // How many steps' states are kept for pieces of so many rows.
  int64_t StepsOfStates(int64_t rows) const;
  // Lays the memory out for pieces of so many rows.
  void SetRows(int64_t rows, int64_t window);

  const Use use_;
  const int64_t rows_;
  const int64_t steps_;
  const int64_t layer_count_;
  std::vector<int64_t> active_;
  std::vector<LayerGradient> layers_;
  Arrays memory_;
  float* biases_ = nullptr;  // The gradients of all biases.
  size_t biases_size_ = 0;
  size_t entering_size_ = 0;
};

}  // namespace torch_rnn_mnist::fused
