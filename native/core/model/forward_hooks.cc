#include "native/core/model/forward_hooks.h"

#include <algorithm>
#include <utility>

namespace torch_rnn_mnist {

void ForwardHooks::Set(HookedModule module, ForwardHook hook) {
  std::shared_ptr<const ForwardHook> shared;
  if (hook) shared = std::make_shared<const ForwardHook>(std::move(hook));
  std::lock_guard lock(mutex_);
  hooks_[static_cast<size_t>(module)] = std::move(shared);
}

bool ForwardHooks::Has(HookedModule module) const { return Get(module) != nullptr; }

bool ForwardHooks::Any() const {
  std::lock_guard lock(mutex_);
  return std::any_of(hooks_.begin(), hooks_.end(), [](const auto& hook) { return hook != nullptr; });
}

void ForwardHooks::Run(const ForwardEvent& event) const {
  // A copy of the pointer keeps the hook alive while it runs, even when it removes itself.
  if (const std::shared_ptr<const ForwardHook> hook = Get(event.module)) (*hook)(event);
}

std::shared_ptr<const ForwardHook> ForwardHooks::Get(HookedModule module) const {
  std::lock_guard lock(mutex_);
  return hooks_[static_cast<size_t>(module)];
}

}  // namespace torch_rnn_mnist
