#include "native/fused/network.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "native/fused/blank_prefix.h"
#include "native/fused/kernels.h"
#include "native/fused/orthogonalizer.h"
#include "native/fused/packed_parameters.h"
#include "native/fused/thread_pool.h"
#include "native/fused/workspace.h"

namespace torch_rnn_mnist::fused {
namespace {

// The most samples of a piece. With more, the states of all steps would not fit into the second-level cache; with fewer, the weights would
// be read more often.
constexpr int64_t kMaxRows = 64;
// Slots of a thread in inference, so that a thread that loses its core for a while leaves its work to the others.
constexpr int64_t kInferenceSlots = 4;
// Values of a gradient that are a task of their own when the slots' gradients are added up.
constexpr int64_t kAddedAtOnce = 8 * 1024;

// How a batch is cut: each slot takes `per_slot` pieces of at most `rows` samples, one after the other.
struct Cut {
  int64_t slots;
  int64_t per_slot;
  int64_t rows;

  int64_t pieces() const { return slots * per_slot; }
};

Cut CutBatch(int64_t samples, int64_t slots) {
  slots = std::min(slots, samples);
  const int64_t per_slot = CeilDivide(CeilDivide(samples, slots), kMaxRows);
  return {slots, per_slot, CeilDivide(samples, slots * per_slot)};
}

}  // namespace

class Network::State {
 public:
  State(const Shape& shape, const InstructionSet& set, const NetworkOptions& options)
      : shape_(shape),
        kernels_(set.kernels()),
        options_(options),
        pool_(options.threads),
        packed_(shape, kernels_),
        orthogonalizer_(kernels_, pool_) {}

  void SetParameters(const Parameters& parameters) { packed_.Pack(parameters, pool_); }
  Orthogonalizer& orthogonalizer() { return orthogonalizer_; }
  void Logits(const Images& images, float* logits);
  Sums Accumulate(const Images& images, const Targets& targets, const Gradients& gradients);
  void Rest();

 private:
  using Slots = std::vector<std::unique_ptr<Slot>>;

  std::unique_ptr<Slot> MakeSlot(Use use, int64_t rows, int64_t steps) const {
    return std::make_unique<Slot>(shape_, kernels_.lanes, packed_.network(), use, rows, steps);
  }
  // Makes slots, unless there are enough that are large enough.
  void Prepare(Slots& slots, Use use, const Cut& cut, int64_t steps) const;
  BlankPrefix FindPrefix(const Images& images) const {
    const bool may_share = options_.shares_blank_prefix && images.lengths == nullptr;
    return may_share ? FindBlankPrefix(images, shape_.input_size) : NoBlankPrefix(images);
  }
  // Computes the states that blank rows have in common. Null if there is no prefix.
  const Piece* ComputePrefix(const BlankPrefix& blank, int64_t steps);
  // Adds the gradients of the prefix to those of the first slot.
  void AddPrefixGradient(int64_t slots);
  void AddGradients(int64_t slots, const Gradients& gradients);

  const Shape shape_;
  const Kernels& kernels_;
  const NetworkOptions options_;
  ThreadPool pool_;
  PackedParameters packed_;
  Orthogonalizer orthogonalizer_;
  Slots training_;
  Slots inference_;
  std::unique_ptr<Slot> prefix_;
};

void Network::State::Prepare(Slots& slots, Use use, const Cut& cut, int64_t steps) const {
  const auto fits = [&](const std::unique_ptr<Slot>& slot) { return slot->Fits(cut.rows, steps); };
  if (static_cast<int64_t>(slots.size()) >= cut.slots && std::all_of(slots.begin(), slots.end(), fits)) return;
  slots.clear();
  for (int64_t i = 0; i < cut.slots; ++i) slots.push_back(MakeSlot(use, cut.rows, steps));
}

const Piece* Network::State::ComputePrefix(const BlankPrefix& blank, int64_t steps) {
  if (blank.steps == 0) return nullptr;
  if (!prefix_ || !prefix_->Fits(1, steps)) prefix_ = MakeSlot(Use::kPrefix, 1, steps);
  prefix_->BeginPrefix(blank.steps);
  kernels_.forward(prefix_->piece);
  return &prefix_->piece;
}

void Network::State::Logits(const Images& images, float* logits) {
  const Cut cut = CutBatch(images.samples, options_.threads * kInferenceSlots);
  Prepare(inference_, Use::kInference, cut, images.steps);
  const BlankPrefix blank = FindPrefix(images);
  const Piece* prefix = ComputePrefix(blank, images.steps);
  const int64_t classes = shape_.num_classes;
  pool_.Run(static_cast<int>(cut.slots), [&](int index) {
    Slot& slot = *inference_[static_cast<size_t>(index)];
    for (int64_t piece = index; piece < cut.pieces(); piece += cut.slots) {
      slot.BeginPiece(blank, prefix, piece, cut.pieces(), cut.rows);
      kernels_.gather(slot.piece, {&images, slot.samples.data()});
      kernels_.forward(slot.piece);
      const float* row = slot.piece.logits;
      for (const int64_t sample : slot.samples) {
        std::copy_n(row, classes, logits + sample * classes);
        row += PaddedSize(classes, kernels_.lanes);
      }
    }
  });
}

Sums Network::State::Accumulate(const Images& images, const Targets& targets, const Gradients& gradients) {
  const Cut cut = CutBatch(images.samples, options_.threads);
  Prepare(training_, Use::kTraining, cut, images.steps);
  const BlankPrefix blank = FindPrefix(images);
  const Piece* prefix = ComputePrefix(blank, images.steps);
  pool_.Run(static_cast<int>(cut.slots), [&](int index) {
    Slot& slot = *training_[static_cast<size_t>(index)];
    slot.BeginGradient();
    for (int64_t piece = index; piece < cut.pieces(); piece += cut.slots) {
      slot.BeginPiece(blank, prefix, piece, cut.pieces(), cut.rows);
      const SampleList list{&images, slot.samples.data()};
      kernels_.gather(slot.piece, list);
      kernels_.forward(slot.piece);
      const Sums sums = kernels_.loss(slot.piece, list, targets);
      slot.sums.loss += sums.loss;
      slot.sums.hits += sums.hits;
      kernels_.backward(slot.piece);
      slot.piece.adds = true;
    }
  });
  if (prefix != nullptr) AddPrefixGradient(cut.slots);
  AddGradients(cut.slots, gradients);
  Sums sums;
  for (int64_t i = 0; i < cut.slots; ++i) {
    const Sums& part = training_[static_cast<size_t>(i)]->sums;
    sums.loss += part.loss;
    sums.hits += part.hits;
  }
  return sums;
}

void Network::State::AddPrefixGradient(int64_t slots) {
  Piece& prefix = prefix_->piece;
  std::vector<const float*> parts;
  for (int64_t i = 0; i < slots; ++i) parts.push_back(training_[static_cast<size_t>(i)]->piece.entering.values);
  kernels_.add(parts.data(), static_cast<int>(slots), shape_.num_layers * prefix.entering.layer, prefix.entering.values);
  prefix.gradient = training_[0]->piece.gradient;
  prefix.adds = true;
  kernels_.backward_prefix(prefix);
}

void Network::State::AddGradients(int64_t slots, const Gradients& gradients) {
  struct Matrix {
    std::vector<const float*> parts;  // Of each slot, with padded rows.
    int64_t rows;
    int64_t columns;
    float* sum;
  };
  std::vector<Matrix> tasks;
  const int64_t hidden = shape_.hidden_size;
  const auto add = [&](int64_t rows, int64_t columns, float* sum, const auto& part_of) {
    const int64_t padded = PaddedSize(columns, kernels_.lanes);
    const int64_t at_once = std::max<int64_t>(kAddedAtOnce / columns, 1);
    for (int64_t first = 0; first < rows; first += at_once) {
      Matrix matrix{{}, std::min(at_once, rows - first), columns, sum + first * columns};
      for (int64_t i = 0; i < slots; ++i) {
        matrix.parts.push_back(part_of(training_[static_cast<size_t>(i)]->piece.gradient) + first * padded);
      }
      tasks.push_back(std::move(matrix));
    }
  };
  for (size_t l = 0; l < gradients.layers.size(); ++l) {
    const LayerArrays<float>& layer = gradients.layers[l];
    add(hidden, shape_.InputsOf(static_cast<int64_t>(l)), layer.weight_ih, [l](const PartGradient& part) { return part.layers[l].input; });
    add(hidden, hidden, layer.weight_hh, [l](const PartGradient& part) { return part.layers[l].state; });
    for (float* bias : {layer.bias_ih, layer.bias_hh}) add(1, hidden, bias, [l](const PartGradient& part) { return part.layers[l].bias; });
  }
  add(shape_.num_classes, hidden, gradients.fc_weight, [](const PartGradient& part) { return part.fc; });
  add(1, shape_.num_classes, gradients.fc_bias, [](const PartGradient& part) { return part.fc_bias; });
  pool_.Run(static_cast<int>(tasks.size()), [&](int index) {
    Matrix& matrix = tasks[static_cast<size_t>(index)];
    for (int64_t row = 0; row < matrix.rows; ++row) {
      kernels_.add(matrix.parts.data(), static_cast<int>(matrix.parts.size()), matrix.columns, matrix.sum + row * matrix.columns);
      for (const float*& part : matrix.parts) part += PaddedSize(matrix.columns, kernels_.lanes);
    }
  });
}

void Network::State::Rest() {
  pool_.Rest();
  orthogonalizer_.Rest();
  training_.clear();
  inference_.clear();
  prefix_.reset();
}

Network::Network(const Shape& shape, const InstructionSet& set, const NetworkOptions& options)
    : state_(std::make_unique<State>(shape, set, options)) {}
Network::~Network() = default;
void Network::SetParameters(const Parameters& parameters) { state_->SetParameters(parameters); }
void Network::Logits(const Images& images, float* logits) { state_->Logits(images, logits); }
Sums Network::Accumulate(const Images& images, const Targets& targets, const Gradients& gradients) {
  return state_->Accumulate(images, targets, gradients);
}
void Network::Orthogonalize(const SquareMatrices<const float>& matrices, const NewtonSchulz& iteration,
                            const SquareMatrices<float>& result) {
  state_->orthogonalizer().Run(matrices, iteration, result);
}
void Network::Rest() { state_->Rest(); }

}  // namespace torch_rnn_mnist::fused
