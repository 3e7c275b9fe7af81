#pragma once

#include <napi.h>

#include <memory>

#include "native/core/data/dataset.h"

namespace torch_rnn_mnist {

// new ImageStorage({ data, shape, lengths? }, labels: { data: Uint8Array, shape }): borrows the arrays, which must not be changed or
// transferred afterwards.
class StorageWrap : public Napi::ObjectWrap<StorageWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  // Throws Error ERR_INVALID_ARGUMENT when `value` is not an ImageStorage of this environment.
  static std::shared_ptr<const ImageStorage> Read(const Napi::Value& value);

  explicit StorageWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<const ImageStorage> storage_;  // Shared with data sets and running jobs; freed on last release, on any thread.
};

// new Dataset(storage, samples: Uint32Array | { first, count }): a view of some samples.
class DatasetWrap : public Napi::ObjectWrap<DatasetWrap> {
 public:
  static Napi::Function Define(Napi::Env env);
  // Throws Error ERR_INVALID_ARGUMENT when `value` is not a Dataset of this environment.
  static std::shared_ptr<const Dataset> Read(const Napi::Value& value);

  explicit DatasetWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<const Dataset> dataset_;  // Shared with running jobs.
};

}  // namespace torch_rnn_mnist
