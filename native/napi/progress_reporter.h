#pragma once

#include <memory>

#include "native/core/training/trainer.h"
#include "native/napi/callback.h"

namespace torch_rnn_mnist {

// Reports progress to JavaScript without making training wait: one callback may run while the next batches are computed. If it is not done
// at the next report, training waits, so that events cannot pile up. For the computing thread.
class ProgressReporter {
 public:
  ProgressReporter(std::shared_ptr<Callback> callback, std::shared_ptr<StopSignal> stop);

  // Throws CallbackFailed when the previous callback failed.
  void Report(const TrainProgress& progress);
  // Waits for the pending callback; after a stop it does not wait. Throws like Report.
  void Finish();

 private:
  const std::shared_ptr<Callback> callback_;
  const std::shared_ptr<StopSignal> stop_;
  std::shared_ptr<CallbackCall> call_;
};

}  // namespace torch_rnn_mnist
