#pragma once

#include <napi.h>

#include <memory>

#include "native/core/data/dataset.h"

namespace torch_rnn_mnist {

// new Dataset({ data, shape }, labels: Uint8Array): a copy of the arrays, made once.
class DatasetWrap : public Napi::ObjectWrap<DatasetWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  // Throws Error ERR_INVALID_ARGUMENT when `value` is no Dataset of this environment.
  static std::shared_ptr<const Dataset> Read(const Napi::Value& value);

  explicit DatasetWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  std::shared_ptr<const Dataset> dataset_;  // Shared with running jobs; freed on last release, on any thread.
  int64_t reported_bytes_ = 0;              // What V8 was told; undone in the finalizer.
};

}  // namespace torch_rnn_mnist
