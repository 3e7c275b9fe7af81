#include "native/core/inference/evaluation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "native/core/inference/prediction.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kCount = 11;
constexpr double kRounding = 1e-6;  // Losses are summed in float32 within a batch.

// A network with the same output for every image: logits 0, 2 and 1 for the three classes.
void MakeConstant(ImageRnn& model) {
  StateDict state = model.values().Copy();
  for (auto& [name, value] : state) {
    if (name == "FC.weight") value.zero_();
    if (name == "FC.bias") value = torch::tensor({0.0F, 2.0F, 1.0F});
  }
  model.values().Load(state);
}

ENGINE_TEST(LossAndConfusionMatrixByHand) {
  ImageRnn model(sample::Options());
  MakeConstant(model);
  const auto data = sample::DataOf(sample::Images(6), torch::tensor({0, 0, 0, 1, 2, 2}, torch::kUInt8));
  const auto start = std::chrono::steady_clock::now();
  const Evaluation result = sample::Evaluate(model, data, /*batch_size=*/4);
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  REQUIRE_EQ(result.samples, 6);
  // Rows are labels, columns predictions; class 1 is always predicted.
  REQUIRE_SAME(result.confusion, torch::tensor({{0, 3, 0}, {0, 1, 0}, {0, 2, 0}}, torch::kInt64));
  const double log_sum = std::log(1 + std::exp(2.0) + std::exp(1.0));
  REQUIRE_NEAR(result.loss, (3 * log_sum + (log_sum - 2) + 2 * (log_sum - 1)) / 6, kRounding);
  REQUIRE(result.seconds > 0 && result.seconds <= elapsed);
}

ENGINE_TEST(EveryBatchSizeGivesTheSameResult) {
  ImageRnn model(sample::Options());
  const auto data = sample::Data(kCount);
  const torch::Tensor predicted = sample::Infer(model, sample::Images(kCount)).argmax(1);
  torch::Tensor confusion = torch::zeros({sample::kClasses, sample::kClasses}, torch::kInt64);
  for (int64_t i = 0; i < kCount; ++i) confusion[i % sample::kClasses][predicted[i].item<int64_t>()] += 1;
  const double loss = sample::Evaluate(model, data, kCount).loss;
  for (const int64_t batch_size : {1, 4, 11, 1000}) {
    const Evaluation result = sample::Evaluate(model, data, batch_size);
    REQUIRE_SAME(result.confusion, confusion);
    REQUIRE_NEAR(result.loss, loss, kRounding);
  }
}

ENGINE_TEST(MistakesAreThoseOfThePredictionTheSurestFirst) {
  ImageRnn model(sample::Options());
  const auto data = sample::Data(kCount);
  const Prediction prediction = sample::Predict(model, sample::Images(kCount));
  std::vector<int64_t> wrong;
  for (int64_t i = 0; i < kCount; ++i) {
    if (prediction.classes[i].item<int64_t>() != i % sample::kClasses) wrong.push_back(i);
  }
  const auto sureness = [&](int64_t i) { return prediction.probabilities[i].max().item<float>(); };
  std::ranges::stable_sort(wrong, [&](int64_t one, int64_t other) { return sureness(one) > sureness(other); });
  REQUIRE(wrong.size() > 2);
  for (const int64_t most : {int64_t{2}, kCount}) {
    for (const int64_t batch_size : {4, 1000}) {
      const EvaluationOptions options{batch_size, most};
      const Evaluation result = torch_rnn_mnist::Evaluate(model, *sample::MakeEngine(model), *data, options, sample::NoStop());
      const std::vector<int64_t> kept(wrong.begin(), wrong.begin() + std::min<int64_t>(most, static_cast<int64_t>(wrong.size())));
      const torch::Tensor samples = torch::tensor(kept);
      REQUIRE_SAME(result.mistakes.value().samples, samples);
      REQUIRE_SAME(result.mistakes->answers, prediction.classes.index_select(0, samples));
      REQUIRE_CLOSE(result.mistakes->probabilities, prediction.probabilities.amax(1).index_select(0, samples), kRounding, 0);
    }
  }
  REQUIRE(!sample::Evaluate(model, data, 4).mistakes);
}

TEST(EquallySureMistakesAreInTheOrderOfTheData) {
  ImageRnn model(sample::Options());
  MakeConstant(model);
  const auto data = sample::DataOf(sample::Images(6), torch::tensor({0, 1, 2, 0, 1, 2}, torch::kUInt8));
  const auto engine = sample::MakeEngine(model);
  const Mistakes mistakes = *torch_rnn_mnist::Evaluate(model, *engine, *data, {.batch_size = 2, .mistakes = 3}, sample::NoStop()).mistakes;
  REQUIRE_SAME(mistakes.samples, torch::tensor({0, 2, 3}, torch::kInt64));
  REQUIRE_SAME(mistakes.answers, torch::tensor({1, 1, 1}, torch::kInt64));
  const auto right = sample::DataOf(sample::Images(2), torch::tensor({1, 1}, torch::kUInt8));
  REQUIRE_EQ(torch_rnn_mnist::Evaluate(model, *engine, *right, {.mistakes = 3}, sample::NoStop()).mistakes->samples.numel(), 0);
}

TEST(EvaluationRestoresTheModeAndRecordsNothingForGradients) {
  ImageRnn model(sample::Options());
  const auto data = sample::Data(kCount);
  std::vector<bool> recorded;
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent& event) { recorded.push_back(event.outputs.at(0).requires_grad()); });
  for (const bool training : {true, false}) {
    model.train(training);
    sample::Evaluate(model, data, 4);
    REQUIRE_EQ(model.is_training(), training);
    REQUIRE(!sample::Infer(model, sample::Images(2)).requires_grad());
    REQUIRE_EQ(model.is_training(), training);
  }
  REQUIRE_EQ(recorded, std::vector<bool>(8, false));  // Of three batches and one inference, twice.
}

TEST(DatasetThatDoesNotFitIsRefused) {
  ImageRnn model(sample::Options());
  REQUIRE_THROWS(kInvalidShape, sample::Evaluate(model, sample::DataOf(torch::zeros({4, 4, 6}), sample::Labels(4)), 2));
  const auto many_classes = sample::DataOf(sample::Images(4), torch::tensor({0, 1, 2, 3}, torch::kUInt8));
  REQUIRE_THROWS(kInvalidData, sample::Evaluate(model, many_classes, 2));
  REQUIRE(model.is_training());
}

TEST(StopEndsEvaluationAndInference) {
  ImageRnn model(sample::Options());
  const auto stop = sample::NoStop();
  int batches = 0;
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent&) {
    if (++batches == 2) stop->Request(StopReason::kAbort);
  });
  REQUIRE_THROWS(kAborted, sample::Evaluate(model, sample::Data(kCount), /*batch_size=*/3, stop));
  REQUIRE_EQ(batches, 2);  // Of four: it ends after the running batch.
  REQUIRE(model.is_training());
  REQUIRE_THROWS(kAborted, sample::Infer(model, sample::Images(2), stop));
  REQUIRE(model.is_training());
  const auto disposed = sample::NoStop();
  disposed->Request(StopReason::kDispose);
  REQUIRE_THROWS(kDisposed, sample::Infer(model, sample::Images(2), disposed));
}

TEST(InferenceLooksForAStopBeforeEveryBatchOfTheSizeAskedFor) {
  ImageRnn model(sample::Options());
  const auto stop = sample::NoStop();
  std::vector<int64_t> sizes;
  model.hooks().Set(HookedModule::kModel, [&](const ForwardEvent& event) {
    sizes.push_back(event.inputs[0].size(0));
    if (sizes.size() == 2) stop->Request(StopReason::kAbort);
  });
  REQUIRE_THROWS(kAborted, sample::Infer(model, sample::Images(kCount), stop, /*batch_size=*/4));
  REQUIRE_EQ(sizes, (std::vector<int64_t>{4, 4}));
}

// Remembers how many samples were computed at once. No hook: with one, inference would leave the images in one piece.
class RecordingEngine : public TorchEngine {
 public:
  explicit RecordingEngine(ImageRnn& model) : TorchEngine(model) {}
  torch::Tensor Logits(const Sequences& images, const std::shared_ptr<StopSignal>& stop) override {
    sizes.push_back(images.values.size(0));
    if (sizes.size() == stop_at) stop->Request(StopReason::kAbort);
    return TorchEngine::Logits(images, stop);
  }

  std::vector<int64_t> sizes;
  size_t stop_at = 0;  // Requests a stop while this piece is computed, from 1.
};

TEST(ManySamplesAreComputedInPiecesSoThatAStopIsHeardSoon) {
  using Work = std::function<void(ImageRnn&, Engine&, const std::shared_ptr<StopSignal>&)>;
  const torch::Tensor images = sample::Images(2001);
  const auto data = sample::Data(2001);
  const std::vector<Work> works = {
      [&](ImageRnn& model, Engine& engine, const auto& stop) { Infer(model, engine, images, /*batch_size=*/0, stop); },
      [&](ImageRnn& model, Engine& engine, const auto& stop) { Predict(model, engine, images, /*batch_size=*/0, stop); },
      [&](ImageRnn& model, Engine& engine, const auto& stop) { Evaluate(model, engine, *data, {}, stop); },
  };
  for (const Work& work : works) {
    ImageRnn model(sample::Options());
    RecordingEngine whole(model);
    work(model, whole, sample::NoStop());
    REQUIRE_EQ(whole.sizes, (std::vector<int64_t>{1000, 1000, 1}));
    RecordingEngine stopped(model);
    stopped.stop_at = 2;
    REQUIRE_THROWS(kAborted, work(model, stopped, sample::NoStop()));
    REQUIRE_EQ(stopped.sizes, (std::vector<int64_t>{1000, 1000}));
  }
}

TEST(AStopSaysWhatStoppedTheWork) {
  ImageRnn model(sample::Options());
  TorchEngine engine(model);
  const auto data = sample::Data(2);
  const auto message = [&](const char* code, StopReason reason, const auto& work) {
    const auto stop = sample::NoStop();
    stop->Request(reason);
    const Error error = REQUIRE_THROWS(code, work(stop));
    return std::string(error.what());
  };
  const auto infer = [&](const auto& stop) { Infer(model, engine, sample::Images(2), 0, stop); };
  const auto predict = [&](const auto& stop) { Predict(model, engine, sample::Images(2), 0, stop); };
  const auto evaluate = [&](const auto& stop) { Evaluate(model, engine, *data, {}, stop); };
  for (const auto& [code, reason, part] :
       {std::tuple{kAborted, StopReason::kAbort, "aborted"}, std::tuple{kDisposed, StopReason::kDispose, "The model was disposed"},
        std::tuple{kDisposed, StopReason::kEnd, "The program is ending"}}) {
    REQUIRE(message(code, reason, infer).find(part) != std::string::npos);
    REQUIRE(message(code, reason, predict).find(part) != std::string::npos);
    REQUIRE(message(code, reason, evaluate).find(part) != std::string::npos);
  }
}

ENGINE_TEST(InferenceScalesBytesAndJoinsItsPieces) {
  ImageRnn model(sample::Options());
  const torch::Tensor images = sample::Images(2001);  // Two whole pieces and a single sample.
  const torch::Tensor logits = sample::Infer(model, images);
  REQUIRE_EQ(logits.sizes().vec(), (std::vector<int64_t>{2001, sample::kClasses}));
  REQUIRE_SAME(sample::Infer(model, ScaleImages(images)), logits);
  torch::NoGradGuard no_grad;
  // A matrix product of another size may sum in another order.
  REQUIRE_CLOSE(logits, sample::Forward(model, ScaleImages(images)), /*atol=*/1e-6, /*rtol=*/0);
}

TEST(InferenceRefusesNumbersThatAreNotFinite) {
  ImageRnn model(sample::Options());
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    torch::Tensor images = ScaleImages(sample::Images(3));
    images[1][0][2] = value;
    const Error error = REQUIRE_THROWS(kInvalidData, sample::Infer(model, images));
    REQUIRE(std::string(error.what()).find("index 22 ") != std::string::npos);
  }
}

ENGINE_TEST(PredictionIsTheSoftmaxAndItsLargestEntry) {
  ImageRnn model(sample::Options());
  MakeConstant(model);
  const Prediction constant = sample::Predict(model, sample::Images(2));
  REQUIRE_SAME(constant.classes, torch::tensor({1, 1}, torch::kInt64));
  const double sum = 1 + std::exp(2.0) + std::exp(1.0);
  const torch::Tensor row = torch::tensor({1 / sum, std::exp(2.0) / sum, std::exp(1.0) / sum});
  REQUIRE_CLOSE(constant.probabilities, row.expand({2, sample::kClasses}), kRounding, /*rtol=*/0);

  ImageRnn other(sample::Options());
  const Prediction prediction = sample::Predict(other, sample::Images(kCount));
  const torch::Tensor logits = sample::Infer(other, sample::Images(kCount));
  REQUIRE_SAME(prediction.classes, logits.argmax(1));
  REQUIRE_CLOSE(prediction.probabilities.sum(1), torch::ones({kCount}), kRounding, /*rtol=*/0);
}

ENGINE_TEST(PredictionTellsMoreClassesApartThanAByteCan) {
  ModelOptions options = sample::Options();
  options.num_classes = 300;
  ImageRnn model(options);
  StateDict state = model.values().Copy();
  for (auto& [name, value] : state) {
    if (name == "FC.weight") value.zero_();
    if (name == "FC.bias") value = torch::arange(300, torch::kFloat32);
  }
  model.values().Load(state);
  REQUIRE_SAME(sample::Predict(model, sample::Images(1)).classes, torch::tensor({299}, torch::kInt64));
}

}  // namespace
}  // namespace torch_rnn_mnist
