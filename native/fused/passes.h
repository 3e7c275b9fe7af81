#pragma once

#include <math.h>

#include "native/fused/kernels.h"
#include "native/fused/piece.h"
#include "native/fused/products.h"

// The mathematics of the network, for one piece of a batch. With the loss E, d(y) for dE/dy and (.) for the product element by element:
//
//   forward     z[l,t] = W_ih[l] x[l,t] + W_hh[l] h[l,t-1] + b[l],  h[l,t] = f(z[l,t]),  x[l,t] = h[l-1,t]
//   logits      y = W_fc h[L-1,T-1] + b_fc
//   backward    d(h[l,t]) = W_ih[l+1]^T d(z[l+1,t]) + W_hh[l]^T d(z[l,t+1]),  d(z) = f'(z) (.) d(h)
//               where at the top layer's last step, W_fc^T d(y) takes the place of the first term
//   gradients   d(W_ih[l]) = sum over t of d(z[l,t]) x[l,t]^T,  d(W_hh[l]) = sum over t of d(z[l,t]) h[l,t-1]^T,
//               d(b[l]) = sum over t of d(z[l,t])
//
// So forward and backward pass are the same product of two terms with another ending, and a gradient is a product whose depth is samples
// and steps. f'(z) follows from h alone: 1 - h^2 for tanh; for ReLU 1 where h > 0, else 0.
//
// Time is the outer loop of a pass and layers the inner one, with both terms at once: so no sum is stored before f. Only where few samples
// meet weights that do not fit into the second-level cache, a layer takes a block of steps at a time, first the one term of all of them and
// then the other, so that each matrix is read from memory once a block.
namespace torch_rnn_mnist::fused {

template <typename Simd>
struct Passes {
  using Vector = typename Simd::Vector;

  using Product = Products<Simd>;
  using Term = typename Product::Term;
  using Step = typename Product::Step;
  using Outer = typename Product::Outer;

  static int64_t Padded(int64_t size) { return PaddedSize(size, Simd::kLanes); }

  static void Copy(const float* from, int64_t size, float* to) {
    for (int64_t i = 0; i < size; ++i) to[i] = from[i];
  }

  static void Pack(const float* matrix, int64_t rows, int64_t columns, float* panels) {
    for (int64_t first = 0; first < columns; first += Simd::kLanes) {
      const int64_t width = columns - first < Simd::kLanes ? columns - first : Simd::kLanes;
      for (int64_t row = 0; row < rows; ++row) {
        Copy(matrix + row * columns + first, width, panels);
        for (int64_t lane = width; lane < Simd::kLanes; ++lane) panels[lane] = 0;
        panels += Simd::kLanes;
      }
    }
  }

  static void PackTransposed(const float* matrix, int64_t rows, int64_t columns, float* panels) {
    for (int64_t first = 0; first < rows; first += Simd::kLanes) {
      for (int64_t lane = 0; lane < Simd::kLanes; ++lane) {
        float* to = panels + lane;
        if (first + lane < rows) {
          const float* row = matrix + (first + lane) * columns;
          for (int64_t column = 0; column < columns; ++column) to[column * Simd::kLanes] = row[column];
        } else {
          for (int64_t column = 0; column < columns; ++column) to[column * Simd::kLanes] = 0;
        }
      }
      panels += columns * Simd::kLanes;
    }
  }

  static void Gather(const Piece& piece, const SampleList& list) {
    const int64_t features = piece.shape->input_size;
    for (int64_t row = 0; row < piece.rows; ++row) {
      const float* image = list.images->values + list.samples[row] * piece.steps * features;
      const int64_t shift = list.images->ShiftOf(list.samples[row]);
      for (int64_t step = shift; step < piece.steps; ++step) {
        if (row >= piece.active[step]) continue;
        float* to = piece.inputs.At(0, step) + row * piece.inputs.row;
        Copy(image + (step - shift) * features, features, to);
        for (int64_t feature = features; feature < piece.inputs.row; ++feature) to[feature] = 0;
      }
    }
  }

  // x[l,t]: what a layer reads.
  static RowMajor InputRows(const Piece& piece, int64_t layer, int64_t step) {
    const Activations& from = layer == 0 ? piece.inputs : piece.states;
    return {layer == 0 ? from.At(0, step) : from.At(layer - 1, step), from.row};
  }

  // Rows that become active at a step start from the state that the prefix had before it, or from zero.
  static void Enter(const Piece& piece, int64_t layer, int64_t step) {
    const int64_t hidden = piece.states.row;
    float* states = piece.states.At(layer, step - 1);
    for (int64_t row = piece.active[step - 1]; row < piece.active[step]; ++row) {
      float* state = states + row * hidden;
      if (piece.prefix != nullptr) {
        Copy(piece.prefix->states.At(layer, step - 1), hidden, state);
      } else {
        for (int64_t i = 0; i < hidden; ++i) state[i] = 0;
      }
    }
  }

  // Which terms of a step are added.
  enum class Terms { kBoth, kInput, kState };

  static void ForwardStep(const Piece& piece, int64_t l, int64_t t, Terms terms) {
    const PackedLayer& layer = piece.network->layers[l];
    Step step{};
    if (terms != Terms::kState && (l > 0 || piece.inputs.values != nullptr))
      step.input = {InputRows(piece, l, t), layer.input, layer.inputs};
    if (terms != Terms::kInput && t > 0) {
      Enter(piece, l, t);
      step.state = {{piece.states.At(l, t - 1), piece.states.row}, layer.state, piece.shape->hidden_size};
    }
    step.continues = terms == Terms::kState;
    step.is_linear = terms == Terms::kInput;
    step.bias = layer.bias;
    step.out = piece.states.At(l, t);
    step.out_row = piece.states.row;
    step.nonlinearity = piece.shape->nonlinearity;
    Product::Forward(step, piece.active[t], piece.shape->hidden_size);
  }

  static void Forward(const Piece& piece) {
    for (int64_t first = 0; first < piece.steps; first += piece.block) {
      const int64_t end = first + piece.block < piece.steps ? first + piece.block : piece.steps;
      for (int64_t l = 0; l < piece.shape->num_layers; ++l) {
        for (int64_t t = first; t < end && piece.block > 1; ++t) ForwardStep(piece, l, t, Terms::kInput);
        for (int64_t t = first; t < end; ++t) ForwardStep(piece, l, t, piece.block > 1 ? Terms::kState : Terms::kBoth);
      }
    }
    if (piece.logits != nullptr) ComputeLogits(piece);
  }

  static RowMajor LastStates(const Piece& piece) {
    return {piece.states.At(piece.shape->num_layers - 1, piece.steps - 1), piece.states.row};
  }

  static void ComputeLogits(const Piece& piece) {
    Step step{};
    step.input = {LastStates(piece), piece.network->fc, piece.shape->hidden_size};
    step.bias = piece.network->fc_bias;
    step.out = piece.logits;
    step.out_row = Padded(piece.shape->num_classes);
    step.is_linear = true;
    Product::Forward(step, piece.rows, piece.shape->num_classes);
  }

  // The cross entropy of logits y and a label c with smoothing s, which is torch.nn.CrossEntropyLoss's:
  //   E = lse(y) - (1 - s) y[c] - s mean(y),  d(y[k]) = softmax(y)[k] - (1 - s) [k = c] - s / C,
  // where lse(y) = log(sum of exp(y[k])), computed around the highest logit so that nothing overflows.
  static Sums Loss(const Piece& piece, const SampleList& list, const Targets& targets) {
    const int64_t classes = piece.shape->num_classes;
    const double smoothing = targets.label_smoothing;
    const double even = smoothing / static_cast<double>(classes);
    const double own = 1 - smoothing;
    Sums sums;
    for (int64_t row = 0; row < piece.rows; ++row) {
      float* logits = piece.logits + row * Padded(classes);
      const int64_t label = targets.labels[list.samples[row]];
      int64_t best = 0;
      double mean = 0;
      for (int64_t k = 0; k < classes; ++k) {
        if (logits[k] > logits[best]) best = k;
        mean += static_cast<double>(logits[k]) / static_cast<double>(classes);
      }
      const float highest = logits[best];
      const double of_label = static_cast<double>(logits[label]) - static_cast<double>(highest);
      double total = 0;
      for (int64_t k = 0; k < classes; ++k) {
        logits[k] = expf(logits[k] - highest);
        total += static_cast<double>(logits[k]);
      }
      sums.loss += log(total) - own * of_label;
      if (smoothing > 0) sums.loss -= smoothing * (mean - static_cast<double>(highest));  // A mean of -infinity times 0 would be NaN.
      sums.hits += best == label ? 1 : 0;
      // In double, because a probability near 1 and its target cancel.
      const double scale = 1 / total;
      for (int64_t k = 0; k < classes; ++k) {
        logits[k] = static_cast<float>(static_cast<double>(logits[k]) * scale - even - (k == label ? own : 0.0));
      }
    }
    return sums;
  }

  // d(z[l,t]) of the active rows, from those of the layer above and of the next step.
  static void BackwardStep(const Piece& piece, int64_t l, int64_t t, const Term& above, const Term& next, Terms terms, float* out) {
    Step step{};
    if (terms != Terms::kState) step.input = above;
    if (terms != Terms::kInput) step.state = next;
    step.continues = terms == Terms::kState;
    step.is_linear = terms == Terms::kInput;
    step.h = piece.states.At(l, t);
    step.bias_gradient = piece.gradient.layers[l].recent_bias;
    step.out = out;
    step.out_row = piece.deltas.row;
    step.nonlinearity = piece.shape->nonlinearity;
    Product::Backward(step, piece.active[t], piece.shape->hidden_size);
  }

  // Adds the rows from `first` to before `end`, in four sums: a shorter sum is rounded less.
  static void SumRows(const float* rows, ptrdiff_t row, int64_t first, int64_t end, float* sum) {
    for (ptrdiff_t column = 0; column < row; column += Simd::kLanes) {
      Vector sums[4];
      for (Vector& part : sums) part = Simd::Broadcast(0);
      for (int64_t i = first; i < end; ++i) sums[i % 4] = Simd::Add(sums[i % 4], Simd::Load(rows + i * row + column));
      const Vector total = Simd::Add(Simd::Add(sums[0], sums[1]), Simd::Add(sums[2], sums[3]));
      Simd::Store(sum + column, Simd::Add(Simd::Load(sum + column), total));
    }
  }

  // Moves the gradients of biases that the steps have added up to those of the whole piece. Sums of sums are rounded less.
  static void AddBiases(const Piece& piece) {
    for (int64_t l = 0; l < piece.shape->num_layers; ++l) {
      const LayerGradient& layer = piece.gradient.layers[l];
      SumRows(layer.recent_bias, piece.deltas.row, 0, 1, layer.bias);
      for (ptrdiff_t column = 0; column < piece.deltas.row; ++column) layer.recent_bias[column] = 0;
    }
  }

  // The part of the steps from `first` to before `end` in the gradients of weights and biases. deltas: those of layer 0 at `first`; they
  // lie as piece.deltas does.
  static void AddWeights(const Piece& piece, int64_t first, int64_t end, const float* deltas, bool adds) {
    const int64_t hidden = piece.shape->hidden_size;
    for (int64_t l = 0; l < piece.shape->num_layers; ++l) {
      const int64_t inputs = piece.network->layers[l].inputs;
      Outer outer{};
      outer.left = {deltas + l * piece.deltas.layer, piece.deltas.row};
      outer.left_step = piece.deltas.step;
      outer.active = piece.active + first;
      outer.steps = end - first;
      outer.adds = adds;
      if (l > 0 || piece.inputs.values != nullptr) {
        const RowMajor rows = InputRows(piece, l, first);
        outer.right = {rows.values, rows.row, Simd::kLanes};
        outer.right_step = l == 0 ? piece.inputs.step : piece.states.step;
        outer.out = piece.gradient.layers[l].input;
        outer.out_row = Padded(inputs);
        Product::Gradient(outer, hidden, inputs);
      }
      if (first == 0) {  // There was no state before.
        outer.left.values += outer.left_step;
        ++outer.active;
        --outer.steps;
      }
      outer.right = {piece.states.At(l, first == 0 ? 0 : first - 1), piece.states.row, Simd::kLanes};
      outer.right_step = piece.states.step;
      outer.out = piece.gradient.layers[l].state;
      outer.out_row = Padded(hidden);
      Product::Gradient(outer, hidden, hidden);
    }
  }

  static void BackwardLogits(const Piece& piece) {
    const int64_t classes = piece.shape->num_classes;
    Outer outer{};
    outer.left = {piece.logits, static_cast<ptrdiff_t>(Padded(classes))};
    const RowMajor states = LastStates(piece);
    outer.right = {states.values, states.row, Simd::kLanes};
    outer.active = &piece.rows;
    outer.steps = 1;
    outer.out = piece.gradient.fc;
    outer.out_row = Padded(piece.shape->hidden_size);
    outer.adds = piece.adds;
    Product::Gradient(outer, classes, piece.shape->hidden_size);
    SumRows(piece.logits, Padded(classes), 0, piece.rows, piece.gradient.fc_bias);
  }

  // The steps of a window of the backward pass lie at their places in piece.deltas; the one after it, at the last place.
  struct Window {
    int64_t first;
    int64_t end;

    int64_t Place(const Piece& piece, int64_t t) const { return t < end ? t - first : piece.window; }
  };

  // d(z[l,t]) of one layer, for the steps from `first` to before `end`.
  static void BackwardLayer(const Piece& piece, const Window& window, int64_t l, int64_t first, int64_t end) {
    const Shape& shape = *piece.shape;
    const Activations& deltas = piece.deltas;
    const auto compute = [&](int64_t t, Terms terms) {
      const bool is_last = t == piece.steps - 1;
      Term above;
      if (l + 1 < shape.num_layers) {
        above = {{deltas.At(l + 1, window.Place(piece, t)), deltas.row}, piece.network->layers[l + 1].input_transposed, shape.hidden_size};
      } else if (is_last) {
        above = {{piece.logits, static_cast<ptrdiff_t>(Padded(shape.num_classes))}, piece.network->fc_transposed, shape.num_classes};
      }
      Term next;
      if (!is_last) {
        next = {{deltas.At(l, window.Place(piece, t + 1)), deltas.row}, piece.network->layers[l].state_transposed, shape.hidden_size};
      }
      BackwardStep(piece, l, t, above, next, terms, deltas.At(l, window.Place(piece, t)));
    };
    for (int64_t t = first; t < end && piece.block > 1; ++t) compute(t, Terms::kInput);
    for (int64_t t = end - 1; t >= first; --t) compute(t, piece.block > 1 ? Terms::kState : Terms::kBoth);
  }

  static void Backward(const Piece& piece) {
    const int64_t layers = piece.shape->num_layers;
    const Activations& deltas = piece.deltas;
    BackwardLogits(piece);
    bool adds = piece.adds;
    for (Window window{0, piece.steps}; window.end > 0; window.end = window.first) {
      window.first = window.end > piece.window ? window.end - piece.window : 0;
      for (int64_t end = window.end; end > window.first; end -= piece.block) {
        const int64_t first = end - piece.block > window.first ? end - piece.block : window.first;
        for (int64_t l = layers - 1; l >= 0; --l) BackwardLayer(piece, window, l, first, end);
      }
      for (int64_t l = 0; l < layers && piece.prefix != nullptr; ++l) {
        for (int64_t t = window.first > 0 ? window.first : 1; t < window.end; ++t) {
          SumRows(deltas.At(l, window.Place(piece, t)), deltas.row, piece.active[t - 1], piece.active[t], piece.entering.At(l, t));
        }
      }
      AddWeights(piece, window.first, window.end, deltas.At(0, 0), adds);
      AddBiases(piece);
      adds = true;
      for (int64_t l = 0; l < layers; ++l) Copy(deltas.At(l, 0), piece.rows * deltas.row, deltas.At(l, piece.window));
    }
  }

  // The rows that enter after a step have the prefix's state in common, so the gradient to it is the sum of theirs. piece.entering: sums
  // over all pieces; `entering` and `deltas` have a row for each step.
  static void BackwardPrefix(const Piece& piece) {
    const Shape& shape = *piece.shape;
    const int64_t top = shape.num_layers - 1;
    const Activations& deltas = piece.deltas;
    for (int64_t t = piece.steps - 1; t >= 0; --t) {
      for (int64_t l = top; l >= 0; --l) {
        // d(z[l,t+1]) of the prefix itself and of the rows that enter there, added up.
        float* joined = piece.entering.At(l, t + 1);
        if (t + 1 < piece.steps) SumRows(deltas.At(l, t + 1), deltas.row, 0, 1, joined);
        Term above;
        if (l < top) above = {{deltas.At(l + 1, t), deltas.row}, piece.network->layers[l + 1].input_transposed, shape.hidden_size};
        const Term next{{joined, deltas.row}, piece.network->layers[l].state_transposed, shape.hidden_size};
        BackwardStep(piece, l, t, above, next, Terms::kBoth, deltas.At(l, t));
      }
    }
    AddWeights(piece, 0, piece.steps, deltas.At(0, 0), piece.adds);
    AddBiases(piece);
  }

  static void MultiplyTransposed(const SquareProduct& product, int64_t first, int64_t end) {
    const auto row = static_cast<ptrdiff_t>(Padded(product.size));
    Outer outer{};
    outer.left = {product.left + first, row};
    outer.right = {product.right, row, Simd::kLanes};
    outer.active = &product.size;
    outer.steps = 1;
    outer.out = product.out + first * row;
    outer.out_row = row;
    Product::Gradient(outer, end - first, product.size);
  }

  static void Multiply(const SquareProduct& product, int64_t first, int64_t end) {
    const auto row = static_cast<ptrdiff_t>(Padded(product.size));
    Step step{};
    step.input = {{product.left + first * row, row}, product.right, product.size};
    step.is_linear = true;
    step.out = product.out + first * row;
    step.out_row = row;
    Product::Backward(step, end - first, product.size);
  }

  static void AddArrays(const float* const* arrays, int count, int64_t size, float* sum) {
    int64_t i = 0;
    for (; i + Simd::kLanes <= size; i += Simd::kLanes) {
      Vector total = Simd::Load(sum + i);
      for (int array = 0; array < count; ++array) total = Simd::Add(total, Simd::Load(arrays[array] + i));
      Simd::Store(sum + i, total);
    }
    for (; i < size; ++i) {
      for (int array = 0; array < count; ++array) sum[i] += arrays[array][i];
    }
  }

  static constexpr Kernels kKernels{Simd::kLanes, Pack,           PackTransposed,     Gather,   Forward,  Loss,
                                    Backward,     BackwardPrefix, MultiplyTransposed, Multiply, AddArrays};
};

}  // namespace torch_rnn_mnist::fused
