#include "native/fused/workspace.h"

#include <algorithm>

namespace torch_rnn_mnist::fused {
namespace {

// Rows whose part of the weights' gradients is added at once: enough that the sums are seldom loaded and stored, few enough that the rows
// are still in the second-level cache, and the two columns of vectors that a tile reads in the first-level one, which has 32 KB or more.
constexpr int64_t kWindowRows = 128;

size_t Size(int64_t size) { return static_cast<size_t>(size); }

// Weights of a pass that stay in the second-level cache, in bytes: it has 1 to 2 MB on most processors. With more weights and fewer rows
// than these, reading the weights takes longer than computing, unless a layer takes a block of steps at a time.
constexpr int64_t kCachedBytes = 1 << 20;
constexpr int64_t kFewRows = 32;
constexpr int64_t kBlock = 32;

// Of pieces with so many rows, never of the memory that there is: the rounding of a sum must not depend on what was computed before.
int64_t WindowOf(int64_t rows, int64_t steps) { return std::min(steps, std::max<int64_t>(kWindowRows / rows, 1)); }

int64_t BlockOf(const Shape& shape, int64_t rows, int64_t steps) {
  int64_t weights = 0;
  for (int64_t l = 0; l < shape.num_layers; ++l) weights += shape.hidden_size * (shape.InputsOf(l) + shape.hidden_size);
  const bool fits = weights * static_cast<int64_t>(sizeof(float)) <= kCachedBytes;
  return fits || rows >= kFewRows ? 1 : std::min(steps, kBlock);
}

}  // namespace

Slot::Slot(const Shape& shape, int lanes, const PackedNetwork& network, Use use, int64_t rows, int64_t steps)
    : use_(use), rows_(rows), steps_(steps), layer_count_(shape.num_layers), active_(Size(steps)), layers_(Size(shape.num_layers)) {
  const auto padded = [&](int64_t features) { return PaddedSize(features, lanes); };
  const int64_t hidden = padded(shape.hidden_size);
  const int64_t classes = padded(shape.num_classes);
  piece.shape = &shape;
  piece.network = &network;
  piece.inputs.row = padded(shape.input_size);
  piece.states.row = piece.deltas.row = piece.entering.row = hidden;
  // Fewer rows may need more steps.
  const int64_t few = std::min(rows, kFewRows - 1);
  memory_.Add(piece.states.values, Size(layer_count_ * std::max(rows * StepsOfStates(rows), few * StepsOfStates(few)) * hidden));
  if (use != Use::kPrefix) {
    memory_.Add(piece.inputs.values, Size(steps * rows * piece.inputs.row));
    memory_.Add(piece.logits, Size(rows * classes));
    samples.reserve(Size(rows));
  }
  if (use != Use::kInference) {
    const int64_t delta_rows = use == Use::kPrefix ? steps + 1 : std::max(kWindowRows, rows) + rows;
    memory_.Add(piece.deltas.values, Size(layer_count_ * delta_rows * hidden));
    entering_size_ = Size(layer_count_ * (steps + 1) * hidden);
    memory_.Add(piece.entering.values, entering_size_);
  }
  if (use == Use::kTraining) {
    biases_size_ = Size(2 * layer_count_ * hidden + classes);
    memory_.Add(biases_, biases_size_);
    for (int64_t l = 0; l < layer_count_; ++l) {
      memory_.Add(layers_[Size(l)].input, Size(shape.hidden_size * padded(shape.InputsOf(l))));
      memory_.Add(layers_[Size(l)].state, Size(shape.hidden_size * hidden));
    }
    memory_.Add(piece.gradient.fc, Size(shape.num_classes * hidden));
  }
  memory_.Allocate();
  if (use == Use::kTraining) {
    float* bias = biases_;
    for (LayerGradient& layer : layers_) {
      layer.bias = bias;
      layer.recent_bias = bias + hidden;
      bias += 2 * hidden;
    }
    piece.gradient.fc_bias = bias;
    piece.gradient.layers = layers_.data();
  }
  piece.active = active_.data();
}

int64_t Slot::StepsOfStates(int64_t rows) const {
  // For the logits alone, a block needs the step before it only.
  return use_ == Use::kInference ? std::min(steps_, BlockOf(*piece.shape, rows, steps_) + 1) : steps_;
}

void Slot::SetRows(int64_t rows, int64_t window) {
  const auto lay = [&](Activations& activations, int64_t steps, int64_t step_rows) {
    activations.steps = steps;
    activations.step = step_rows * activations.row;
    activations.layer = steps * activations.step;
  };
  lay(piece.inputs, steps_, rows);
  lay(piece.states, StepsOfStates(rows), rows);
  piece.block = BlockOf(*piece.shape, rows, steps_);
  piece.window = window;
  lay(piece.deltas, window + 1, rows);
  lay(piece.entering, steps_ + 1, 1);
}

void Slot::BeginGradient() {
  piece.adds = false;
  sums = Sums();
  std::fill_n(biases_, biases_size_, 0.0F);
  std::fill_n(piece.entering.values, entering_size_, 0.0F);
}

void Slot::BeginPiece(const BlankPrefix& blank, const Piece* prefix, int64_t index, int64_t pieces, int64_t rows) {
  samples.clear();
  std::fill(active_.begin(), active_.end(), 0);
  for (auto i = Size(index); i < blank.order.size(); i += Size(pieces)) {
    samples.push_back(blank.order[i]);
    ++active_[Size(blank.enters[i])];
  }
  for (size_t step = 1; step < active_.size(); ++step) active_[step] += active_[step - 1];
  SetRows(rows, WindowOf(rows, steps_));
  piece.steps = steps_;
  piece.rows = static_cast<int64_t>(samples.size());
  piece.prefix = prefix;
}

void Slot::BeginPrefix(int64_t steps) {
  std::fill(active_.begin(), active_.end(), 1);
  SetRows(1, steps_);
  piece.steps = steps;
  piece.rows = 1;
  std::fill_n(piece.entering.values, entering_size_, 0.0F);
}

}  // namespace torch_rnn_mnist::fused
