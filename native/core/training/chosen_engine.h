#pragma once

#include <cstdint>
#include <memory>

#include "native/core/model/image_rnn.h"
#include "native/core/training/engine.h"
#include "native/core/training/fused_engine.h"
#include "native/core/training/torch_engine.h"

namespace torch_rnn_mnist {

enum class EngineKind { kTorch, kFused };
inline const char* NameOf(EngineKind kind) { return kind == EngineKind::kFused ? "fused" : "torch"; }
// kAuto: the fastest one that can.
enum class EngineOption { kAuto, kTorch, kFused };

// What computes on a device. Throws ERR_INVALID_OPTION where kFused is asked for but cannot compute.
EngineKind ResolveEngine(EngineOption option, Precision precision, torch::Device device);

// The engine of a model for as long as it stays on its device: one of both kinds for each batch, and for the update that follows it.
// nn::RNN runs the batches that a forward hook looks at, because hooks see its tensors, and all others are the resolved engine's. Belongs
// to the computing thread.
//
// While the fused engine computes, libtorch has one thread only: its own ones would spin and take the cores from those of the engine.
class ChosenEngine : public Engine {
 public:
  // `device`: where the model is, or where it goes before this object is used. `threads`: that compute. `fused` is for where kFused
  // computes. Throws as ResolveEngine does.
  ChosenEngine(ImageRnn& model, EngineOption option, const FusedOptions& fused, int threads, torch::Device device);

  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override;
  // Throws as CheckTraining does.
  BatchSums Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) override;
  void UseGradients(const FlatTensors& gradients) override;
  torch::Tensor Orthogonalize(const torch::Tensor& matrices) override { return Current().Orthogonalize(matrices); }

  // For work that libtorch does beside the engines: gives it all threads. The next batch takes them back where it needs them.
  void LendThreadsToLibtorch() { LimitLibtorch(EngineKind::kTorch); }

  // Throws ERR_INVALID_OPTION where kFused is asked for and there are forward hooks: training would not be what was asked for.
  void CheckTraining() const;

  EngineKind kind() const { return fused_ ? EngineKind::kFused : EngineKind::kTorch; }
  int threads() const { return threads_; }
  // Ends all threads besides the calling one, and frees the memory that only work needs; the next batch takes new ones.
  void Rest();

 private:
  // The one for what comes now. Also gives libtorch its number of threads.
  Engine& Current();
  void LimitLibtorch(EngineKind next);

  ImageRnn& model_;  // Outlives the engine: both belong to one ModelSession.
  const EngineOption option_;
  const int threads_;
  TorchEngine torch_;
  std::unique_ptr<FusedEngine> fused_;  // Null where it does not compute.
};

}  // namespace torch_rnn_mnist
