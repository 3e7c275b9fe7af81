// A model with a normalization does what one without does with normalised numbers.
#include <utility>
#include <vector>

#include "native/core/inference/inspection.h"
#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kCount = 11;

const Normalization kNormalization = {{0.1F, -0.2F, 0, 0.5F, 2}, {0.5F, 1, 3, 0.25F, 0.125F}};

ModelOptions Normalised() {
  ModelOptions options = sample::Options();
  options.normalization = kNormalization;
  return options;
}

// uint8 [count, 4, 5] as float32, normalised by hand.
torch::Tensor NormalisedImages(int64_t count) {
  return (ScaleImages(sample::Images(count)) - torch::tensor(kNormalization.mean)) / torch::tensor(kNormalization.std);
}

ENGINE_TEST(InferenceNormalises) {
  ImageRnn with(Normalised());
  ImageRnn without(sample::Options());
  REQUIRE_SAME(sample::Infer(with, sample::Images(kCount)), sample::Infer(without, NormalisedImages(kCount)));
  REQUIRE_SAME(sample::Infer(with, ScaleImages(sample::Images(kCount))), sample::Infer(with, sample::Images(kCount)));
}

ENGINE_TEST(TrainingAndEvaluationNormalise) {
  std::vector<StateDict> states;
  std::vector<double> losses;
  for (const auto& [options, images] :
       {std::pair{Normalised(), sample::Images(kCount)}, std::pair{sample::Options(), NormalisedImages(kCount)}}) {
    ImageRnn model(options);
    const auto data = sample::DataOf(images, sample::Labels(kCount));
    sample::Training training(model);
    training.RunEpoch(data, {.batch_size = 4, .shuffle = true});
    states.push_back(model.values().Copy());
    losses.push_back(sample::Evaluate(model, data, /*batch_size=*/3).loss);
  }
  REQUIRE_EQ(losses[0], losses[1]);
  for (size_t i = 0; i < states[0].size(); ++i) REQUIRE_SAME(states[0][i].second, states[1][i].second);
}

TEST(InspectionNormalises) {
  ImageRnn with(Normalised());
  ImageRnn without(sample::Options());
  const torch::Tensor labels = sample::Labels(kCount);
  const Inspection expected = Inspect(without, NormalisedImages(kCount), labels, sample::NoStop());
  const Inspection inspection = Inspect(with, sample::Images(kCount), labels, sample::NoStop());
  REQUIRE_SAME(inspection.hidden_states, expected.hidden_states);
  REQUIRE_SAME(inspection.gradient_norms, expected.gradient_norms);
}

TEST(ANormalizationMustFit) {
  for (const Normalization& wrong :
       {Normalization{{0, 0}, {1, 1}}, Normalization{{0, 0, 0, 0, 0}, {1, 1, 0, 1, 1}}, Normalization{{0, 0, 0, 0, 0}, {1, 1, 1, 1}}}) {
    ModelOptions options = sample::Options();
    options.normalization = wrong;
    REQUIRE_THROWS(kInvalidArgument, ImageRnn(options));
  }
}

}  // namespace
}  // namespace torch_rnn_mnist
