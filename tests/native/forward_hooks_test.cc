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
  const std::vector<ForwardEvent> events = RecordInto(model, [&] { logits = sample::Forward(model, images); });
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
  const auto data = sample::Data(kSamples);
  sample::Training training(model);
  const auto modes = [&](const std::function<void()>& pass) {
    std::vector<bool> seen;
    for (const ForwardEvent& event : RecordInto(model, pass)) seen.push_back(event.training);
    return seen;
  };
  REQUIRE_EQ(modes([&] { training.RunEpoch(data, {}); }), (std::vector<bool>{true, true, true}));
  REQUIRE_EQ(modes([&] { sample::Evaluate(model, data, kSamples); }), (std::vector<bool>{false, false, false}));
  REQUIRE_EQ(modes([&] { sample::Infer(model, sample::Images(kSamples)); }), (std::vector<bool>{false, false, false}));
}

TEST(HookRunsOnceABatchUntilItIsRemoved) {
  ImageRnn model(sample::Options());
  const auto data = sample::Data(kSamples);
  int calls = 0;
  REQUIRE(!model.hooks().Any() && !model.hooks().Has(HookedModule::kFc));
  model.hooks().Set(HookedModule::kFc, [&](const ForwardEvent&) { ++calls; });
  REQUIRE(model.hooks().Any() && model.hooks().Has(HookedModule::kFc) && !model.hooks().Has(HookedModule::kModel));
  sample::Evaluate(model, data, /*batch_size=*/3);
  REQUIRE_EQ(calls, 3);  // 3 + 3 + 1 samples.
  model.hooks().Set(HookedModule::kFc, {});
  REQUIRE(!model.hooks().Any());
  sample::Evaluate(model, data, /*batch_size=*/3);
  REQUIRE_EQ(calls, 3);
}

TEST(LaterHookReplacesTheFormer) {
  ImageRnn model(sample::Options());
  std::string calls;
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) { calls += "a"; });
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) { calls += "b"; });
  sample::Infer(model, sample::Images(1));
  REQUIRE_EQ(calls, std::string("b"));
}

TEST(HookMayRemoveItselfWhileItRuns) {
  ImageRnn model(sample::Options());
  const auto owned = std::make_shared<int>(0);
  model.hooks().Set(HookedModule::kFc, [&model, owned](const ForwardEvent&) {
    model.hooks().Set(HookedModule::kFc, {});
    ++*owned;  // Still alive.
  });
  sample::Infer(model, sample::Images(1));
  sample::Infer(model, sample::Images(1));
  REQUIRE_EQ(*owned, 1);
  REQUIRE_EQ(owned.use_count(), 1);  // And freed afterwards.
}

TEST(HookSeesTheBatchWhole) {
  ImageRnn model(sample::Options());
  const torch::Tensor images = sample::Images(2500);  // More than Infer computes in one piece.
  const torch::Tensor in_pieces = sample::Infer(model, images);
  torch::Tensor logits;
  const std::vector<ForwardEvent> events = RecordInto(model, [&] { logits = sample::Infer(model, images); });
  REQUIRE_EQ(events.size(), 3);
  REQUIRE_EQ(events[0].inputs[0].size(1), 2500);
  // A matrix product of another size may sum in another order.
  REQUIRE_CLOSE(logits, in_pieces, /*atol=*/1e-6, /*rtol=*/0);
}

TEST(HookKnowsTheSignalOfItsCall) {
  ImageRnn model(sample::Options());
  const auto stop = sample::NoStop();
  std::shared_ptr<StopSignal> seen;
  model.hooks().Set(HookedModule::kFc, [&](const ForwardEvent& event) { seen = event.stop; });
  sample::Infer(model, sample::Images(1), stop);
  REQUIRE(seen == stop);
}

TEST(SharedHooksServeTheModel) {
  const auto hooks = std::make_shared<ForwardHooks>();
  ImageRnn model(sample::Options(), hooks);
  int calls = 0;
  hooks->Set(HookedModule::kBasicRnn, [&](const ForwardEvent&) { ++calls; });
  sample::Infer(model, sample::Images(1));
  REQUIRE_EQ(calls, 1);
}

TEST(ThrowingHookEndsTheCallAndLeavesTheModelAsItWas) {
  for (const HookedModule module : {HookedModule::kModel, HookedModule::kBasicRnn, HookedModule::kFc}) {
    ImageRnn model(sample::Options());
    const auto data = sample::Data(kSamples);
    const StateDict before = model.values().Copy();
    model.hooks().Set(module, [](const ForwardEvent&) { throw Error(kInvalidArgument, "from the hook"); });
    model.train();
    REQUIRE_THROWS(kInvalidArgument, sample::Infer(model, sample::Images(1)));
    REQUIRE(model.is_training());  // The mode is restored.
    REQUIRE_THROWS(kInvalidArgument, sample::Evaluate(model, data, kSamples));
    REQUIRE(model.is_training());
    sample::Training training(model);
    REQUIRE_THROWS(kInvalidArgument, training.RunEpoch(data, {}));
    const StateDict after = model.values().Copy();
    for (size_t i = 0; i < before.size(); ++i) REQUIRE_SAME(after[i].second, before[i].second);
    model.hooks().Set(module, {});
    REQUIRE(training.RunEpoch(data, {}).completed);  // And it still works.
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
