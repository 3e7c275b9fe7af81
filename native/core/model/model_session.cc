#include "native/core/model/model_session.h"

#include <ATen/Parallel.h>

#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>

#include "native/core/runtime/device.h"
#include "native/core/runtime/job_queue.h"
#include "native/core/runtime/torch_error.h"

namespace torch_rnn_mnist {
namespace {

// The smallest training and evaluation there is.
void UseEverythingOnce() {
  ModelOptions options;
  options.input_size = options.hidden_size = options.num_layers = 1;
  options.num_classes = 2;
  ImageRnn model(options);
  const Dataset dataset(torch::zeros({2, 2, 1}, torch::kUInt8), torch::zeros({2}, torch::kInt64));
  Trainer(model, OptimizerOptions()).RunEpoch(dataset, /*epoch=*/0, EpochOptions(), StopSignal(), {});
  Evaluate(model, dataset, /*batch_size=*/2, StopSignal());
  Predict(model, torch::zeros({1, 1, 1}), StopSignal());
}

// When the process exits, static objects are destroyed in the reverse order in which they were made, and exit handlers run in between.
// libtorch makes many of its own when they are first used, autograd's for instance. So they are all used before the handler that stops
// the queues is registered: it then runs before they are destroyed, and no thread computes with dead ones (process-exit.test.ts, "when
// the exit listeners of the package were removed").
void PrepareForExit() {
  static std::once_flag once;
  std::call_once(once, [] {
    UseEverythingOnce();
    std::atexit(JobQueue::StopAll);
  });
}

}  // namespace

ModelSession::ModelSession(const ModelOptions& options, torch::Device device, int threads)
    : options_(options), device_(device), threads_(threads) {}

void ModelSession::Open() noexcept {
  try {
    PrepareComputeThread(threads_);
    PrepareForExit();
    model_ = std::make_unique<ImageRnn>(options_, hooks_);
    model_->to(device_);
  } catch (...) {
    model_.reset();
    open_error_ = TranslateException(std::current_exception());
  }
}

void ModelSession::Close() noexcept {
  trainer_.reset();
  model_.reset();
}

ImageRnn& ModelSession::model() {
  if (model_) return *model_;
  throw open_error_ ? *open_error_ : Error(kDisposed, "The model was disposed.");
}

torch::Tensor ModelSession::Infer(const torch::Tensor& images, const StopSignal& stop) {
  return torch_rnn_mnist::Infer(model(), images, stop);
}

Prediction ModelSession::Predict(const torch::Tensor& images, const StopSignal& stop) {
  return torch_rnn_mnist::Predict(model(), images, stop);
}

Evaluation ModelSession::EvaluateOn(const Dataset& dataset, int64_t batch_size, const StopSignal& stop) {
  return Evaluate(model(), dataset, batch_size, stop);
}

void ModelSession::CheckFits(const Dataset& dataset) {
  CheckDatasetFits(dataset, model().options().input_size, model().options().num_classes);
}

void ModelSession::StartTraining(const OptimizerOptions& options) { trainer_ = std::make_unique<Trainer>(model(), options); }

EpochResult ModelSession::RunEpoch(const Dataset& dataset, const EpochOptions& options, const StopSignal& stop,
                                   const TrainProgressCallback& on_progress) {
  model();  // Throws what opening the network threw.
  if (!trainer_) throw Error(kInvalidArgument, "Expected startTraining before the first epoch.");
  return trainer_->RunEpoch(dataset, epochs_started_++, options, stop, on_progress);
}

StateDict ModelSession::CopyState() { return model().CopyState(); }

void ModelSession::LoadState(const StateDict& state) { model().LoadState(state); }

void ModelSession::MoveTo(torch::Device device) {
  trainer_.reset();  // Its moments lie on the device that is left.
  try {
    model().to(device);
    device_ = device;
  } catch (...) {
    if (model_) model_->to(device_);  // Those parameters that had gone already; their old memory is free again.
    throw;
  }
}

int ModelSession::ThreadCount() {
  model();
  return at::get_num_threads();
}

}  // namespace torch_rnn_mnist
