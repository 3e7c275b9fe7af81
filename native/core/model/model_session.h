#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "native/core/inference/evaluation.h"
#include "native/core/runtime/error.h"
#include "native/core/training/trainer.h"

namespace torch_rnn_mnist {

// Everything that belongs to one model's computing thread: the network, its optimizer, and what is counted between calls.
// Only `hooks` may be touched from other threads.
class ModelSession {
 public:
  // Cheap: the network itself is built by Open, on the computing thread.
  ModelSession(const ModelOptions& options, torch::Device device, int threads);

  // Prepares the computing thread and builds the network. Never throws: a failure is kept, and every later call throws it.
  void Open() noexcept;
  // Frees the network, on the computing thread.
  void Close() noexcept;

  torch::Tensor Infer(const torch::Tensor& images, const StopSignal& stop);
  Prediction Predict(const torch::Tensor& images, const StopSignal& stop);
  Evaluation EvaluateOn(const Dataset& dataset, int64_t batch_size, const StopSignal& stop);
  // Throws when the data does not fit the model.
  void CheckFits(const Dataset& dataset);
  // A fresh optimizer for a new training.
  void StartTraining(const OptimizerOptions& options);
  EpochResult RunEpoch(const Dataset& dataset, const EpochOptions& options, const StopSignal& stop,
                       const TrainProgressCallback& on_progress);
  StateDict CopyState();
  void LoadState(const StateDict& state);
  // Moves the network; the optimizer's state is dropped. On failure the network stays where it was.
  void MoveTo(torch::Device device);
  // Threads that one operation uses on this thread, as libtorch reports it.
  int ThreadCount();

  // Thread-safe.
  ForwardHooks& hooks() { return *hooks_; }

 private:
  ImageRnn& model();

  const ModelOptions options_;
  torch::Device device_;
  const int threads_;
  std::shared_ptr<ForwardHooks> hooks_ = std::make_shared<ForwardHooks>();  // Shared with the network.
  std::unique_ptr<ImageRnn> model_;
  std::unique_ptr<Trainer> trainer_;  // Refers to *model_; declared after it, so destroyed first.
  std::optional<Error> open_error_;
  uint64_t epochs_started_ = 0;
};

}  // namespace torch_rnn_mnist
