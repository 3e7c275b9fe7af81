#pragma once

#include <cstdint>
#include <memory>

#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

// Trainings with every option, and the comparison of their states bit for bit.
namespace sample {

using torch_rnn_mnist::OptimizerOptions;
using torch_rnn_mnist::TrainingSnapshot;

inline const OptimizerOptions kAll{
    .rule = torch_rnn_mnist::UpdateRule::kAdamW, .beta1 = 0.8, .beta2 = 0.99, .weight_decay = 0.1, .clip_grad_norm = 0.1, .ema_decay = 0.9};
inline const OptimizerOptions kPlain;

inline void CheckSame(const torch_rnn_mnist::StateDict& actual, const torch_rnn_mnist::StateDict& expected) {
  REQUIRE_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) REQUIRE_SAME(actual[i].second, expected[i].second);
}

inline void CheckSame(const TrainingSnapshot& actual, const TrainingSnapshot& expected) {
  CheckSame(actual.values, expected.values);
  CheckSame(actual.first, expected.first);
  CheckSame(actual.second, expected.second);
  REQUIRE_EQ(actual.average.has_value(), expected.average.has_value());
  if (expected.average) CheckSame(*actual.average, *expected.average);
  REQUIRE_EQ(actual.updates, expected.updates);
  REQUIRE_EQ(actual.epoch_batches, expected.epoch_batches);
  REQUIRE_EQ(actual.epoch_loss, expected.epoch_loss);
  REQUIRE_EQ(actual.epoch_hits, expected.epoch_hits);
  REQUIRE_EQ(actual.epoch_samples, expected.epoch_samples);
}

// What the network holds must be the average, where there is one.
inline void CheckShown(ImageRnn& model, const TrainingSnapshot& snapshot) {
  CheckSame(model.values().Copy(), snapshot.average ? *snapshot.average : snapshot.values);
}

inline torch_rnn_mnist::RangeResult Run(torch_rnn_mnist::Trainer& trainer, const std::shared_ptr<const Dataset>& data, const Epoch& epoch,
                                        int64_t first, int64_t last, const torch_rnn_mnist::TrainProgressCallback& report = {},
                                        const std::shared_ptr<StopSignal>& stop = NoStop()) {
  return trainer.Run(data, Batches(*data, epoch, first, last), stop, report);
}

// The state after the batches up to `last` of an epoch, from a fresh start.
inline TrainingSnapshot After(const std::shared_ptr<const Dataset>& data, const Epoch& epoch, const OptimizerOptions& options,
                              int64_t last) {
  ImageRnn model(Options());
  Training training(model, options);
  Run(training.trainer(), data, epoch, 0, last);
  return training.trainer().Copy();
}

// Nine batches in three groups, of which no report comes before the end.
inline constexpr int64_t kBatches = 9;
inline const Epoch kGroups{.batch_size = 2, .log_interval = 100, .accumulation_steps = 3};

}  // namespace sample
