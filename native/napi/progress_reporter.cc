#include "native/napi/progress_reporter.h"

#include <utility>

#include "native/napi/model_values.h"

namespace torch_rnn_mnist {

ProgressReporter::ProgressReporter(std::shared_ptr<Callback> callback, std::shared_ptr<StopSignal> stop)
    : callback_(std::move(callback)), stop_(std::move(stop)) {}

void ProgressReporter::Report(const TrainProgress& progress) {
  Finish();
  call_ = callback_->Call([progress](Napi::Env env) { return ProgressToJavaScript(env, progress); }, stop_);
}

void ProgressReporter::Finish() {
  const std::shared_ptr<CallbackCall> call = std::move(call_);
  if (!call) return;
  if (stop_->Requested()) {
    call->ThrowIfFailed();  // An error that came before the stop is not lost.
  } else {
    call->Wait();
  }
}

}  // namespace torch_rnn_mnist
