#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>

#include "native/core/model_session.h"
#include "native/core/runtime/job_queue.h"
#include "native/napi/tensors.h"

namespace torch_rnn_mnist {

// One network and its thread. Every method that computes returns a promise and is queued on that thread, first in, first out. Long ones
// take a number, `call` in their options, by which `stop` ends them. lib/addon/binding.ts has the typed interface.
class ImageRnnWrap : public Napi::ObjectWrap<ImageRnnWrap> {
 public:
  static Napi::Function Define(Napi::Env env);

  explicit ImageRnnWrap(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value Forward(const Napi::CallbackInfo& info);
  Napi::Value Predict(const Napi::CallbackInfo& info);
  Napi::Value Inspect(const Napi::CallbackInfo& info);
  Napi::Value Evaluate(const Napi::CallbackInfo& info);
  Napi::Value StartTraining(const Napi::CallbackInfo& info);
  Napi::Value TrainBatches(const Napi::CallbackInfo& info);
  Napi::Value TrainingState(const Napi::CallbackInfo& info);
  Napi::Value LoadTrainingState(const Napi::CallbackInfo& info);
  Napi::Value StateDict(const Napi::CallbackInfo& info);
  Napi::Value LoadStateDict(const Napi::CallbackInfo& info);
  Napi::Value MoveTo(const Napi::CallbackInfo& info);
  Napi::Value ThreadCount(const Napi::CallbackInfo& info);
  void Stop(const Napi::CallbackInfo& info);
  void SetForwardHook(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  Napi::Value Device(const Napi::CallbackInfo& info);
  Napi::Value EngineName(const Napi::CallbackInfo& info);
  Napi::Value InstructionSet(const Napi::CallbackInfo& info);

  // Queues `work(session, stop)` on the model's thread and returns a promise of its result, converted by `convert(env, result)`, or by
  // `convert(env, result, arrays)` where it contains arrays; undefined for work without a result. `call` is the number by which it can be
  // stopped.
  template <typename Work, typename Convert>
  Napi::Value Queue(const Napi::CallbackInfo& info, Work work, Convert convert, uint64_t call = 0);
  template <typename Work>
  Napi::Value Queue(const Napi::CallbackInfo& info, Work work, uint64_t call = 0);

  // Those that the model has without an average of its parameters.
  int64_t Buffers() const;
  // Tells V8 how many buffers of the network's size this object holds. Does nothing after dispose.
  void ReportBuffers(Napi::BasicEnv env, int64_t buffers);
  void ReportMemory(Napi::BasicEnv env, int64_t bytes);

  std::shared_ptr<ModelSession> session_;       // Shared with the jobs and the queue's thread.
  std::shared_ptr<JobQueue> queue_;             // Shared with the environment, which stops it at its end.
  std::shared_ptr<const ResultArrays> arrays_;  // Shared with the jobs and the hooks.
  int64_t input_size_ = 0;
  ComputingPlace place_;        // Where the model is now.
  int64_t buffer_bytes_ = 0;    // Of all parameters.
  int64_t reported_bytes_ = 0;  // What V8 was told; undone in dispose and in the finalizer.
};

}  // namespace torch_rnn_mnist
