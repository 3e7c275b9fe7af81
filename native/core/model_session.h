#pragma once

#include <memory>
#include <optional>
#include <string>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"
#include "native/core/runtime/error.h"
#include "native/core/training/chosen_engine.h"
#include "native/core/training/trainer.h"

namespace torch_rnn_mnist {

// Where and how a model computes.
struct Placement {
  torch::Device device{torch::kCPU};
  EngineOption engine = EngineOption::kAuto;
  FusedOptions fused;  // For where the fused engine computes; with EngineOption::kTorch it never does.
  int threads = 0;     // These two are those of PrepareComputeThread.
  int cores = 1;
};

// As ResolveDevice, but "auto" is the CPU for an engine that computes nowhere else.
torch::Device ResolveDeviceFor(EngineOption engine, const std::string& name, int cuda_devices = 0);

// Where a model computes, as resolved and in words.
struct ComputingPlace {
  std::string device;           // "cpu", "cuda:0"
  std::string engine;           // "torch", "fused"
  std::string instruction_set;  // What the engine computes with on this processor: "avx512"; or as libtorch names its own: "AVX512".
};

// Throws ERR_INVALID_OPTION where the engine that is asked for cannot compute on this device.
ComputingPlace DescribePlace(const ModelOptions& options, const Placement& placement, torch::Device device);

// What belongs to one model's computing thread: the network, its engine and the current training. It only holds them; the work is in the
// functions that jobs call. Only `hooks` may be used from other threads.
class ModelSession {
 public:
  // Cheap: the network itself is built by Open, on the computing thread.
  ModelSession(const ModelOptions& options, const Placement& placement);

  // Prepares the computing thread and builds the network. Never throws: model() throws a failure later.
  void Open() noexcept;
  // Gives the threads and the memory back that only work needs; the next job takes new ones. On the computing thread.
  void Rest();
  // Frees the network, on the computing thread.
  void Close() noexcept;

  // These throw the error of a failed Open, or ERR_DISPOSED once the network is freed.
  ImageRnn& model();
  ChosenEngine& engine();
  // Throws ERR_INVALID_ARGUMENT when StartTraining was not called.
  Trainer& trainer();

  // Keeps the copy of a data set's images on the model's device until the model rests, so that not every epoch and every evaluation copies
  // them anew. Does nothing on the CPU.
  void KeepOnDevice(const Dataset& dataset);

  // A fresh optimizer for a new training; or the state of the one before, where `keep_state` is set and there is one. Throws as
  // ChosenEngine::CheckTraining does, and then changes nothing.
  void StartTraining(const OptimizerOptions& optimizer = {}, bool keep_state = false);
  // Moves the network, chooses its engine anew and drops the optimizer's state. On failure the network stays where it was. `device`: as for
  // ResolveDeviceFor; here, and not on the JavaScript thread, because it may start the driver.
  ComputingPlace MoveTo(const std::string& device);

  // Thread-safe.
  ForwardHooks& hooks() { return *hooks_; }

 private:
  std::unique_ptr<ChosenEngine> ChooseEngine(torch::Device device);

  const ModelOptions options_;
  const Placement placement_;  // The first one: MoveTo changes the device.
  int threads_ = 0;            // As resolved.
  std::shared_ptr<ForwardHooks> hooks_ = std::make_shared<ForwardHooks>();  // Shared with the network.
  std::unique_ptr<ImageRnn> model_;
  std::unique_ptr<ChosenEngine> engine_;  // Refers to *model_.
  std::unique_ptr<Trainer> trainer_;      // Refers to both, so it is destroyed first.
  DeviceCopies copies_;
  std::optional<Error> open_error_;
};

}  // namespace torch_rnn_mnist
