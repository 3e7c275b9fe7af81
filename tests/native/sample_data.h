#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "native/core/data/dataset.h"
#include "native/core/inference/evaluation.h"
#include "native/core/inference/prediction.h"
#include "native/core/model/image_rnn.h"
#include "native/core/training/fused_engine.h"
#include "native/core/training/torch_engine.h"
#include "native/core/training/trainer.h"
#include "tests/native/check.h"

// Registers two cases with one body: everything below computes with nn::RNN in the one, and with the fused engine in the other. In other
// cases it computes with nn::RNN.
#define ENGINE_TEST(name)                                                                                          \
  static void Test##name();                                                                                        \
  [[maybe_unused]] static const bool registered##name##WithTorch = check::Register(#name "WithTorch", Test##name); \
  [[maybe_unused]] static const bool registered##name##WithFused = check::Register(#name "WithFused", [] {         \
    const sample::FusedInUse fused;                                                                                \
    Test##name();                                                                                                  \
  });                                                                                                              \
  static void Test##name()

// Small networks and datasets made of formulas, for tests that need no particular numbers, and short ways to use them.
namespace sample {

inline bool is_fused = false;  // Whether the fused engine computes.

struct FusedInUse {
  FusedInUse() { is_fused = true; }
  ~FusedInUse() { is_fused = false; }
};

using torch_rnn_mnist::Dataset;
using torch_rnn_mnist::ImageRnn;
using torch_rnn_mnist::StopSignal;

inline constexpr int64_t kRows = 4;
inline constexpr int64_t kColumns = 5;
inline constexpr int64_t kHidden = 6;
inline constexpr int64_t kLayers = 2;
inline constexpr int64_t kClasses = 3;

inline torch_rnn_mnist::ModelOptions Options(uint64_t seed = 1) {
  torch_rnn_mnist::ModelOptions options;
  options.input_size = kColumns;
  options.hidden_size = kHidden;
  options.num_layers = kLayers;
  options.num_classes = kClasses;
  options.seed = seed;
  return options;
}

// uint8 [count, 4, 5] with all values from 0 to 255.
inline torch::Tensor Images(int64_t count) {
  return torch::arange(count * kRows * kColumns, torch::kInt64).mul(97).remainder(256).to(torch::kUInt8).view({count, kRows, kColumns});
}

// uint8 [count]: 0, 1, 2, 0, 1, 2 and so on.
inline torch::Tensor Labels(int64_t count) { return torch::arange(count, torch::kInt64).remainder(kClasses).to(torch::kUInt8); }

inline std::shared_ptr<const torch_rnn_mnist::ImageStorage> Storage(torch::Tensor images, torch::Tensor labels) {
  return std::make_shared<const torch_rnn_mnist::ImageStorage>(torch_rnn_mnist::LabelledImages{std::move(images), std::move(labels)});
}

inline std::shared_ptr<const Dataset> DataOf(torch::Tensor images, torch::Tensor labels) {
  return std::make_shared<const Dataset>(Storage(std::move(images), std::move(labels)));
}

inline std::shared_ptr<const Dataset> Data(int64_t count) { return DataOf(Images(count), Labels(count)); }

// A signal that never stops anything.
inline std::shared_ptr<StopSignal> NoStop() { return std::make_shared<StopSignal>(); }

inline torch::Tensor Forward(ImageRnn& model, const torch::Tensor& images) { return model.Forward(images, NoStop()); }

inline constexpr int kFusedThreads = 2;

inline std::unique_ptr<torch_rnn_mnist::Engine> MakeEngine(ImageRnn& model) {
  using namespace torch_rnn_mnist;
  if (is_fused) return std::make_unique<FusedEngine>(model, ReadFusedOptions(), kFusedThreads);
  return std::make_unique<TorchEngine>(model);
}

// The gradient of the sum of the losses of a whole data set.
inline torch_rnn_mnist::FlatTensors GradientOf(ImageRnn& model, const Dataset& data) {
  torch_rnn_mnist::FlatTensors gradient = model.values().ZerosLike();
  const auto engine = MakeEngine(model);
  engine->UseGradients(gradient);
  engine->Accumulate(torch_rnn_mnist::Batches(data, torch::kCPU, data.size()).Get(0), {}, NoStop());
  return gradient;
}

inline torch::Tensor Infer(ImageRnn& model, const torch::Tensor& images, const std::shared_ptr<StopSignal>& stop = NoStop(),
                           int64_t batch_size = 0) {
  return torch_rnn_mnist::Infer(model, *MakeEngine(model), images, batch_size, stop);
}

inline torch_rnn_mnist::Prediction Predict(ImageRnn& model, const torch::Tensor& images) {
  return torch_rnn_mnist::Predict(model, *MakeEngine(model), images, /*batch_size=*/0, NoStop());
}

inline torch_rnn_mnist::Evaluation Evaluate(ImageRnn& model, const std::shared_ptr<const Dataset>& data, int64_t batch_size,
                                            const std::shared_ptr<StopSignal>& stop = NoStop()) {
  return torch_rnn_mnist::Evaluate(model, *MakeEngine(model), *data, {.batch_size = batch_size}, stop);
}

// How to train for an epoch: every batch at one rate, in the data's own order unless asked otherwise, every batch reported.
struct Epoch {
  int64_t batch_size = 128;
  bool shuffle = false;
  int64_t log_interval = 1;
  double learning_rate = 1e-3;
  uint64_t number = 0;
  int64_t accumulation_steps = 1;
  double label_smoothing = 0;
};

// The batches `first` to `last` - 1 of an epoch; by default all.
inline torch_rnn_mnist::BatchRange Batches(const Dataset& data, const Epoch& epoch, int64_t first = 0, int64_t last = -1) {
  const int64_t count = (data.size() + epoch.batch_size - 1) / epoch.batch_size;
  torch_rnn_mnist::BatchRange range;
  range.epoch = epoch.number;
  range.first = first;
  range.learning_rates.assign(static_cast<size_t>((last < 0 ? count : last) - first), epoch.learning_rate);
  range.batch_size = epoch.batch_size;
  range.shuffle = epoch.shuffle;
  range.accumulation_steps = epoch.accumulation_steps;
  range.loss.label_smoothing = epoch.label_smoothing;
  range.log_interval = epoch.log_interval;
  return range;
}

// A training of a model from a fresh start.
class Training {
 public:
  explicit Training(ImageRnn& model, const torch_rnn_mnist::OptimizerOptions& options = {},
                    torch_rnn_mnist::FiniteCheck check = torch_rnn_mnist::FiniteCheck::kByDevice)
      : engine_(MakeEngine(model)), trainer_(model, *engine_, options, check) {}

  torch_rnn_mnist::Trainer& trainer() { return trainer_; }
  torch_rnn_mnist::RangeResult RunEpoch(const std::shared_ptr<const Dataset>& data, const Epoch& epoch,
                                        const torch_rnn_mnist::TrainProgressCallback& on_progress = {},
                                        const std::shared_ptr<StopSignal>& stop = NoStop()) {
    return trainer_.Run(data, Batches(*data, epoch), stop, on_progress);
  }

 private:
  std::unique_ptr<torch_rnn_mnist::Engine> engine_;
  torch_rnn_mnist::Trainer trainer_;
};

}  // namespace sample
