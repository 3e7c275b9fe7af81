#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/runtime/stop_signal.h"

namespace torch_rnn_mnist {

// The modules that can have a hook, by their names in PyTorch's state dict; '' is the whole model.
enum class HookedModule : size_t { kModel, kBasicRnn, kFc };
inline constexpr std::array<std::string_view, 3> kHookedModuleNames = {"", "basic_rnn", "FC"};

// One forward pass through one module: what torch.nn.Module.register_forward_hook passes to a hook. With Precision::kBfloat16, the tensors
// between two modules are bfloat16.
struct ForwardEvent {
  HookedModule module;
  bool training;                   // Whether the model was in training mode.
  std::vector<at::Tensor> inputs;  // '': images [N, T, F]. basic_rnn: sequences [T, N, F], h_0 [L, N, H]. FC: [N, H].
  // '': logits [N, C]. basic_rnn: output [T, N, H], h_n [L, N, H]. FC: logits [N, C]. Of a sequence with a length, h_n is the state after
  // its last real step, and output is 0 after that.
  std::vector<at::Tensor> outputs;
  std::shared_ptr<StopSignal> stop;  // Stop signal of the call that runs this pass; ends a hook's wait.
};

// Runs on the computing thread. An exception from it ends the forward pass.
using ForwardHook = std::function<void(const ForwardEvent&)>;

// libtorch's C++ modules have no forward hooks, so the model keeps them here. Thread-safe: a hook may be set or removed while a
// forward pass runs on another thread; the change applies from the next module on.
class ForwardHooks {
 public:
  // An empty hook removes it.
  void Set(HookedModule module, ForwardHook hook);
  bool Has(HookedModule module) const;
  bool Any() const;
  void Run(const ForwardEvent& event) const;

 private:
  std::shared_ptr<const ForwardHook> Get(HookedModule module) const;

  mutable std::mutex mutex_;
  std::array<std::shared_ptr<const ForwardHook>, kHookedModuleNames.size()> hooks_;  // Guarded by mutex_; null: none.
};

}  // namespace torch_rnn_mnist
