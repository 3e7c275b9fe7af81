#include "native/core/model/forward_hooks.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "native/core/inference/evaluation.h"
#include "native/core/training/trainer.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kSamples = 7;

// Every event of all three modules, in the order in which they came.
std::vector<ForwardEvent> RecordInto(ImageRnn& model, const std::function<void()>& pass) {
  std::vector<ForwardEvent> events;
  for (const HookedModule module : {HookedModule::kModel, HookedModule::kBasicRnn, HookedModule::kFc}) {
    model.hooks().Set(module, [&events](const ForwardEvent& event) { events.push_back(event); });
  }
  pass();
  for (const HookedModule module : {HookedModule::kModel, HookedModule::kBasicRnn, HookedModule::kFc}) model.hooks().Set(module, {});
  return events;
}

TEST(HooksSeeEachModuleInPyTorchsOrderWithItsShapes) {
  ImageRnn model(sample::Options());
  const torch::Tensor images = ScaleImages(sample::Images(kSamples));
  torch::Tensor logits;
  const std::vector<ForwardEvent> events = RecordInto(model, [&] { logits = model.Forward(images); });
  REQUIRE_EQ(events.size(), 3);
  const ForwardEvent& rnn = events[0];
  const ForwardEvent& fc = events[1];
  const ForwardEvent& whole = events[2];
  REQUIRE(rnn.module == HookedModule::kBasicRnn && fc.module == HookedModule::kFc && whole.module == HookedModule::kModel);

  REQUIRE_EQ(rnn.inputs.size(), 2);
  REQUIRE_EQ(rnn.outputs.size(), 2);
  REQUIRE_SAME(rnn.inputs[0], images.transpose(0, 1));
  REQUIRE_SAME(rnn.inputs[1], torch::zeros({sample::kLayers, kSamples, sample::kHidden}));
  REQUIRE_EQ(rnn.outputs[0].sizes().vec(), (std::vector<int64_t>{sample::kRows, kSamples, sample::kHidden}));
  REQUIRE_EQ(rnn.outputs[1].sizes().vec(), (std::vector<int64_t>{sample::kLayers, kSamples, sample::kHidden}));
  REQUIRE_SAME(rnn.outputs[1][-1], rnn.outputs[0][-1]);  // The top layer's last output is its final state.

  REQUIRE_EQ(fc.inputs.size(), 1);
  REQUIRE_SAME(fc.inputs[0], rnn.outputs[0][-1]);
  REQUIRE_SAME(fc.outputs.at(0), logits);
  REQUIRE_SAME(whole.inputs.at(0), images);
  REQUIRE_SAME(whole.outputs.at(0), logits);
}

TEST(HooksLearnTheMode) {
  ImageRnn model(sample::Options());
  const Dataset data = sample::Data(kSamples);
  Trainer trainer(model, OptimizerOptions());
  const auto train = [&] { trainer.RunEpoch(data, 0, EpochOptions(), StopSignal(), {}); };
  for (const ForwardEvent& event : RecordInto(model, train)) REQUIRE(event.training);
  for (const ForwardEvent& event : RecordInto(model, [&] { Evaluate(model, data, kSamples, StopSignal()); })) REQUIRE(!event.training);
  for (const ForwardEvent& event : RecordInto(model, [&] { Infer(model, sample::Images(kSamples), StopSignal()); }))
    REQUIRE(!event.training);
}

TEST(HookRunsOnceABatchUntilItIsRemoved) {
  ImageRnn model(sample::Options());
  const Dataset data = sample::Data(kSamples);
  int calls = 0;
  REQUIRE(!model.hooks().Any() && !model.hooks().Has(HookedModule::kFc));
  model.hooks().Set(HookedModule::kFc, [&](const ForwardEvent&) { ++calls; });
  REQUIRE(model.hooks().Any() && model.hooks().Has(HookedModule::kFc) && !model.hooks().Has(HookedModule::kModel));
  Evaluate(model, data, /*batch_size=*/3, StopSignal());
  REQUIRE_EQ(calls, 3);  // 3 + 3 + 1 samples.
  model.hooks().Set(HookedModule::kFc, {});
  REQUIRE(!model.hooks().Any());
  Evaluate(model, data, /*batch_size=*/3, StopSignal());
  REQUIRE_EQ(calls, 3);
}

TEST(LaterHookReplacesTheFormer) {
  ImageRnn model(sample::Options());
  std::string calls;
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) { calls += "a"; });
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) { calls += "b"; });
  Infer(model, sample::Images(1), StopSignal());
  REQUIRE_EQ(calls, std::string("b"));
}

TEST(HookMayRemoveItselfWhileItRuns) {
  ImageRnn model(sample::Options());
  const auto owned = std::make_shared<int>(0);
  model.hooks().Set(HookedModule::kFc, [&model, owned](const ForwardEvent&) {
    model.hooks().Set(HookedModule::kFc, {});
    ++*owned;  // Still alive.
  });
  Infer(model, sample::Images(1), StopSignal());
  Infer(model, sample::Images(1), StopSignal());
  REQUIRE_EQ(*owned, 1);
  REQUIRE_EQ(owned.use_count(), 1);  // And freed afterwards.
}

TEST(HookSeesTheBatchWhole) {
  ImageRnn model(sample::Options());
  const torch::Tensor images = sample::Images(2500);  // More than Infer computes in one piece.
  const torch::Tensor in_pieces = Infer(model, images, StopSignal());
  torch::Tensor logits;
  const std::vector<ForwardEvent> events = RecordInto(model, [&] { logits = Infer(model, images, StopSignal()); });
  REQUIRE_EQ(events.size(), 3);
  REQUIRE_EQ(events[0].inputs[0].size(1), 2500);
  // A matrix product of another size may sum in another order.
  REQUIRE_CLOSE(logits, in_pieces, /*atol=*/1e-6, /*rtol=*/0);
}

TEST(SharedHooksServeTheModel) {
  const auto hooks = std::make_shared<ForwardHooks>();
  ImageRnn model(sample::Options(), hooks);
  int calls = 0;
  hooks->Set(HookedModule::kBasicRnn, [&](const ForwardEvent&) { ++calls; });
  Infer(model, sample::Images(1), StopSignal());
  REQUIRE_EQ(calls, 1);
}

TEST(ThrowingHookEndsTheCallAndLeavesTheModelAsItWas) {
  for (const HookedModule module : {HookedModule::kModel, HookedModule::kBasicRnn, HookedModule::kFc}) {
    ImageRnn model(sample::Options());
    const Dataset data = sample::Data(kSamples);
    const StateDict before = model.CopyState();
    model.hooks().Set(module, [](const ForwardEvent&) { throw Error(kInvalidArgument, "from the hook"); });
    model.train();
    REQUIRE_THROWS(kInvalidArgument, Infer(model, sample::Images(1), StopSignal()));
    REQUIRE(model.is_training());  // The mode is restored.
    REQUIRE_THROWS(kInvalidArgument, Evaluate(model, data, kSamples, StopSignal()));
    REQUIRE(model.is_training());
    Trainer trainer(model, OptimizerOptions());
    REQUIRE_THROWS(kInvalidArgument, trainer.RunEpoch(data, 0, EpochOptions(), StopSignal(), {}));
    const StateDict after = model.CopyState();
    for (size_t i = 0; i < before.size(); ++i) REQUIRE_SAME(after[i].second, before[i].second);
    model.hooks().Set(module, {});
    REQUIRE(trainer.RunEpoch(data, 0, EpochOptions(), StopSignal(), {}).completed);  // And it still works.
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
