#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "native/napi/environment.h"

namespace torch_rnn_mnist {

// A JavaScript function that a computing thread may hold, as no Napi::* may be held there.
//
// Created on the JavaScript thread; may be destroyed on any thread, even after the environment has ended.
class HeldFunction {
 public:
  HeldFunction(Napi::Env env, Napi::Function function, Environment::Hold hold);
  ~HeldFunction();
  HeldFunction(const HeldFunction&) = delete;
  HeldFunction& operator=(const HeldFunction&) = delete;

  // Its number, for Environment::FindFunction.
  uint64_t id() const { return id_; }

 private:
  const std::shared_ptr<Dispatcher> dispatcher_;  // Shared with the environment, which this object may outlive.
  const uint64_t id_;
};

}  // namespace torch_rnn_mnist
