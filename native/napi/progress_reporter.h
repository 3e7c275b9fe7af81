#pragma once

#include <memory>

#include "native/core/training/trainer.h"
#include "native/napi/callback.h"

namespace torch_rnn_mnist {

// Tells JavaScript about progress without making training wait: one callback may be under way while the next batches run. When it is
// still not done at the next report, training waits, so that events cannot pile up. For the computing thread.
class ProgressReporter {
 public:
  ProgressReporter(std::shared_ptr<Callback> callback, std::shared_ptr<StopSignal> stop);

  // Throws CallbackFailed when the callback before this one failed.
  void Report(const TrainProgress& progress);
  // Waits for the callback that is under way; after a stop it does not wait. Throws as Report.
  void Finish();

 private:
  const std::shared_ptr<Callback> callback_;
  const std::shared_ptr<StopSignal> stop_;
  std::shared_ptr<CallbackCall> call_;
};

}  // namespace torch_rnn_mnist
