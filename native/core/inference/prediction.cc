#include "native/core/inference/prediction.h"

#include <algorithm>
#include <string>
#include <vector>

#include "native/core/data/dataset.h"
#include "native/core/inference/eval_mode.h"
#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {

void CheckFinite(const torch::Tensor& images) {
  if (!images.is_floating_point() || images.isfinite().all().item<bool>()) return;
  const int64_t index = images.flatten().isfinite().logical_not().to(torch::kUInt8).argmax().item<int64_t>();
  throw Error(kInvalidData, "Expected finite numbers in images but the one at index " + std::to_string(index) + " is " +
                                std::to_string(images.flatten()[index].item<float>()) + ".");
}

torch::Tensor Infer(ImageRnn& model, Engine& engine, const Sequences& images, int64_t batch_size, const std::shared_ptr<StopSignal>& stop) {
  const EvalMode eval_mode(model);
  CheckFinite(images.values);
  const int64_t count = images.values.size(0);
  CheckLengths(images.lengths, count, images.values.size(1));
  if (batch_size == 0) batch_size = model.hooks().Any() ? count : kDefaultBatch;
  std::vector<torch::Tensor> logits;
  for (int64_t first = 0; first < count; first += batch_size) {
    ThrowIfStopped(*stop);
    const Sequences batch = images.Part(first, std::min(batch_size, count - first));
    logits.push_back(engine.Logits(model.Prepare(batch), stop).cpu());
  }
  return torch::cat(logits);
}

Prediction Predict(ImageRnn& model, Engine& engine, const Sequences& images, int64_t batch_size, const std::shared_ptr<StopSignal>& stop) {
  const torch::Tensor logits = Infer(model, engine, images, batch_size, stop);
  return {logits.argmax(/*dim=*/1), logits.softmax(/*dim=*/1)};
}

}  // namespace torch_rnn_mnist
