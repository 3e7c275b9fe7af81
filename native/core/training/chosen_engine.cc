#include "native/core/training/chosen_engine.h"

#include <ATen/Parallel.h>

#include <string>

#include "native/core/runtime/error.h"
#include "native/core/runtime/threads.h"

namespace torch_rnn_mnist {

EngineKind ResolveEngine(EngineOption option, Precision precision, torch::Device device) {
  if (option == EngineOption::kTorch) return EngineKind::kTorch;
  const bool is_exact = precision != Precision::kBfloat16;
  if (device.is_cpu() && is_exact) return EngineKind::kFused;
  if (option == EngineOption::kAuto) return EngineKind::kTorch;
  const std::string wish = "The engine fused computes ";
  if (!device.is_cpu()) {
    throw Error(kInvalidOption, wish + "on the CPU but the device is " + device.str() + ". Choose the engine auto or torch, or the CPU.");
  }
  throw Error(kInvalidOption, wish + "in float32 but the precision is bf16. Choose the engine auto or torch, or another precision.");
}

ChosenEngine::ChosenEngine(ImageRnn& model, EngineOption option, const FusedOptions& fused, int threads, torch::Device device)
    : model_(model), option_(option), threads_(threads), torch_(model) {
  if (ResolveEngine(option, model.options().precision, device) == EngineKind::kFused) {
    fused_ = std::make_unique<FusedEngine>(model, fused, threads);
  }
  LimitLibtorch(kind());
}

void ChosenEngine::LimitLibtorch(EngineKind next) {
  const int threads = next == EngineKind::kFused ? 1 : threads_;
  if (at::get_num_threads() == threads) return;
  at::set_num_threads(threads);
  if (threads == 1) ReleaseThreadPool();  // They spin for a while after their last work.
}

Engine& ChosenEngine::Current() {
  const bool is_hooked = model_.hooks().Any();
  LimitLibtorch(is_hooked ? EngineKind::kTorch : kind());
  if (is_hooked || !fused_) return torch_;
  return *fused_;
}

torch::Tensor ChosenEngine::Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) {
  return Current().Logits(images, stop);
}

BatchSums ChosenEngine::Accumulate(const Batch& batch, const LossOptions& options, const std::shared_ptr<StopSignal>& stop) {
  CheckTraining();
  return Current().Accumulate(batch, options, stop);
}

void ChosenEngine::UseGradients(const FlatTensors& gradients) {
  torch_.UseGradients(gradients);
  if (fused_) fused_->UseGradients(gradients);
}

void ChosenEngine::CheckTraining() const {
  if (option_ != EngineOption::kFused || !model_.hooks().Any()) return;
  throw Error(kInvalidOption,
              "The engine fused does not train while a forward hook is registered. Remove the hook, or choose the engine auto "
              "or torch.");
}

void ChosenEngine::Rest() {
  if (fused_) fused_->Rest();
  ReleaseThreadPool();
}

}  // namespace torch_rnn_mnist
