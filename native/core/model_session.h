#pragma once

#include <memory>
#include <optional>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/error.h"
#include "native/core/training/engine.h"
#include "native/core/training/trainer.h"

namespace torch_rnn_mnist {

// What belongs to one model's computing thread: the network, its engine and the current training. It only holds them; the work is in the
// functions that jobs call. Only `hooks` may be used from other threads.
class ModelSession {
 public:
  // Cheap: the network itself is built by Open, on the computing thread. `threads` and `cores` are those of PrepareComputeThread.
  ModelSession(const ModelOptions& options, torch::Device device, int threads, int cores);

  // Prepares the computing thread and builds the network. Never throws: model() throws a failure later.
  void Open() noexcept;
  // Gives the threads and the memory back that only work needs; the next job takes new ones. On the computing thread.
  void Rest();
  // Frees the network, on the computing thread.
  void Close() noexcept;

  // These throw the error of a failed Open, or ERR_DISPOSED once the network is freed.
  ImageRnn& model();
  Engine& engine();
  // Throws ERR_INVALID_ARGUMENT when StartTraining was not called.
  Trainer& trainer();

  // Keeps the copy of a data set's images on the model's device until the model rests, so that not every epoch and every evaluation copies
  // them anew. Does nothing on the CPU.
  void KeepOnDevice(const Dataset& dataset);

  // A fresh optimizer for a new training; or the state of the one before, where `keep_state` is set and there is one.
  void StartTraining(const OptimizerOptions& optimizer = {}, bool keep_state = false);
  // Moves the network and drops the optimizer's state. On failure the network stays where it was.
  void MoveTo(torch::Device device);

  // Thread-safe.
  ForwardHooks& hooks() { return *hooks_; }

 private:
  const ModelOptions options_;
  const torch::Device first_device_;
  const int threads_;
  const int cores_;
  std::shared_ptr<ForwardHooks> hooks_ = std::make_shared<ForwardHooks>();  // Shared with the network.
  std::unique_ptr<ImageRnn> model_;
  std::unique_ptr<Engine> engine_;    // Refers to *model_.
  std::unique_ptr<Trainer> trainer_;  // Refers to both, so it is destroyed first.
  DeviceCopies copies_;
  std::optional<Error> open_error_;
};

}  // namespace torch_rnn_mnist
