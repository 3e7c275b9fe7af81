#include "native/core/inference/inspection.h"

#include <torch/nn/functional/loss.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/native/check.h"
#include "tests/native/check_tensors.h"
#include "tests/native/float64_network.h"
#include "tests/native/sample_data.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kCount = 5;
constexpr double kRounding = 2e-6;  // Of float32, for numbers of size 1.
constexpr double kRelative = 2e-5;  // Of gradients, which pass through every row.
constexpr double kStep = 1e-6;      // Of finite differences in float64.

Inspection InspectLabelled(ImageRnn& model, const torch::Tensor& images, const torch::Tensor& labels) {
  return Inspect(model, images, labels, sample::NoStop());
}
Inspection InspectAlone(ImageRnn& model, const torch::Tensor& images) { return InspectLabelled(model, images, torch::Tensor()); }

ModelOptions OptionsWith(Nonlinearity nonlinearity) {
  ModelOptions options = sample::Options(/*seed=*/3);
  options.nonlinearity = nonlinearity;
  options.recurrent_init = RecurrentInit::kUniform;
  return options;
}

// The network in float64, step by step.
class Reference {
 public:
  Reference(ImageRnn& model, const torch::Tensor& images)
      : network_(model.options(), model.values().flat()),
        images_(images.to(torch::kFloat64).div(kByteMax)),
        layers_(model.options().num_layers),
        hidden_(model.options().hidden_size) {}

  // The logits [N, C]. `change` is added to one unit of one state, of all samples. The states [L, T, N, H] are kept.
  torch::Tensor Logits(int64_t layer = -1, int64_t row = -1, int64_t unit = -1, double change = 0) {
    std::vector<torch::Tensor> states;
    const int64_t changed = layer * Rows() + row;
    const torch::Tensor logits = network_.Unroll(images_, [&](int64_t, const torch::Tensor& sum) {
      torch::Tensor state = network_.Activate(sum).clone();
      if (change != 0 && static_cast<int64_t>(states.size()) == changed) state.select(1, unit).add_(change);
      states.push_back(state);
      return state;
    });
    states_ = at::stack(states).view({layers_, Rows(), images_.size(0), hidden_});
    return logits;
  }

  // After Logits.
  const torch::Tensor& states() const { return states_; }
  torch::Tensor ProbabilitiesOf(const torch::Tensor& states) const {
    const auto parameters = network_.named_parameters();
    return at::linear(states, parameters["FC.weight"], parameters["FC.bias"]).softmax(-1);
  }

  // [L, T, N], by central differences.
  torch::Tensor GradientNorms(const torch::Tensor& labels) {
    const auto each = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone);
    const auto losses = [&](const auto&... where) {
      return torch::nn::functional::cross_entropy(Logits(where...), labels.to(torch::kInt64), each);
    };
    torch::Tensor squares = torch::zeros({layers_, Rows(), images_.size(0)}, torch::kFloat64);
    for (int64_t layer = 0; layer < layers_; ++layer) {
      for (int64_t row = 0; row < Rows(); ++row) {
        for (int64_t unit = 0; unit < hidden_; ++unit) {
          squares[layer][row] += ((losses(layer, row, unit, kStep) - losses(layer, row, unit, -kStep)) / (2 * kStep)).square();
        }
      }
    }
    return squares.sqrt();
  }

 private:
  int64_t Rows() const { return images_.size(1); }

  torch::NoGradGuard no_grad_;
  parity::Float64Network network_;
  const torch::Tensor images_;
  const int64_t layers_;
  const int64_t hidden_;
  torch::Tensor states_;
};

TEST(StatesProbabilitiesAndGradientsAreThoseOfANaiveComputation) {
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    ImageRnn model(OptionsWith(nonlinearity));
    const torch::Tensor images = sample::Images(kCount);
    const torch::Tensor labels = sample::Labels(kCount);
    const Inspection inspection = InspectLabelled(model, images, labels);
    Reference reference(model, images);
    reference.Logits();
    REQUIRE_CLOSE(inspection.hidden_states, reference.states(), kRounding, kRounding);
    REQUIRE_CLOSE(inspection.probabilities, reference.ProbabilitiesOf(reference.states()[sample::kLayers - 1]), kRounding, 0);
    const torch::Tensor norms = reference.GradientNorms(labels);
    REQUIRE(norms.mean().item<double>() > 1e-2);
    REQUIRE_CLOSE(inspection.gradient_norms, norms, kRounding, kRelative);
    REQUIRE_EQ(inspection.gradient_norms.sizes().vec(), (std::vector<int64_t>{sample::kLayers, sample::kRows, kCount}));
  }
}

ENGINE_TEST(LastProbabilitiesAreThoseOfAPrediction) {
  ImageRnn model(sample::Options());
  const Inspection inspection = InspectAlone(model, sample::Images(kCount));
  REQUIRE_CLOSE(inspection.probabilities[-1], sample::Predict(model, sample::Images(kCount)).probabilities, kRounding, 0);
}

TEST(Bfloat16IsInspectedAsItComputes) {
  ModelOptions options = sample::Options();
  options.precision = Precision::kBfloat16;
  ImageRnn model(options);
  const Inspection inspection = InspectLabelled(model, sample::Images(kCount), sample::Labels(kCount));
  REQUIRE_CLOSE(inspection.probabilities[-1], sample::Predict(model, sample::Images(kCount)).probabilities, 1e-2, 0);
  REQUIRE(inspection.gradient_norms.isfinite().all().item<bool>());
  // What is no bfloat16 was not computed in it.
  REQUIRE_SAME(inspection.hidden_states.to(torch::kBFloat16).to(torch::kFloat32), inspection.hidden_states);
}

TEST(LabelsChangeNeitherStatesNorParameters) {
  ImageRnn model(sample::Options());
  const StateDict before = model.values().Copy();
  const Inspection plain = InspectAlone(model, sample::Images(kCount));
  const Inspection labelled = InspectLabelled(model, sample::Images(kCount), sample::Labels(kCount));
  REQUIRE(!plain.gradient_norms.defined());
  REQUIRE_SAME(labelled.hidden_states, plain.hidden_states);
  REQUIRE_SAME(labelled.probabilities, plain.probabilities);
  for (const torch::Tensor& result : {labelled.hidden_states, labelled.probabilities, labelled.gradient_norms}) {
    REQUIRE(!result.requires_grad() && result.is_contiguous() && result.is_cpu() && result.scalar_type() == torch::kFloat32);
  }
  for (size_t i = 0; i < before.size(); ++i) REQUIRE_SAME(model.values().Copy()[i].second, before[i].second);
  for (const torch::Tensor& parameter : model.parameters()) REQUIRE(!parameter.grad().defined());
  REQUIRE(model.is_training());
}

// More than two batches, of which the last one is smaller.
TEST(ManyImagesAreInspectedInBatchesAsAlone) {
  constexpr int64_t kMany = 2003;
  ImageRnn model(sample::Options());
  const torch::Tensor images = sample::Images(kMany);
  const torch::Tensor labels = sample::Labels(kMany);
  const Inspection all = InspectLabelled(model, images, labels);
  for (const int64_t image : {0, 999, 1000, 2002}) {
    const Inspection alone = InspectLabelled(model, images.narrow(0, image, 1), labels.narrow(0, image, 1));
    REQUIRE_CLOSE(all.hidden_states.narrow(2, image, 1), alone.hidden_states, kRounding, 0);
    REQUIRE_CLOSE(all.probabilities.narrow(1, image, 1), alone.probabilities, kRounding, 0);
    REQUIRE_CLOSE(all.gradient_norms.narrow(2, image, 1), alone.gradient_norms, kRounding, kRelative);
  }
}

// The square of such a gradient is 0 in float32.
TEST(SmallGradientsAreNotLost) {
  ImageRnn model(sample::Options());
  StateDict state = model.values().Copy();
  for (auto& [name, value] : state) {
    if (name == "FC.weight") value.mul_(1e-26);
  }
  model.values().Load(state);
  const Inspection inspection = InspectLabelled(model, sample::Images(kCount), sample::Labels(kCount));
  REQUIRE(inspection.gradient_norms.min().item<double>() > 0);
  REQUIRE(inspection.gradient_norms.max().item<double>() < 1e-25);
}

TEST(WrongImagesAndLabelsAreRefused) {
  ImageRnn model(sample::Options());
  const torch::Tensor images = sample::Images(3);
  REQUIRE_THROWS(kInvalidShape, InspectLabelled(model, images, sample::Labels(2)));
  REQUIRE_THROWS(kInvalidShape, InspectLabelled(model, images, torch::zeros({3})));
  REQUIRE_THROWS(kInvalidData, InspectLabelled(model, images, torch::tensor({0, 3, 1}, torch::kUInt8)));
  torch::Tensor wrong = ScaleImages(images);
  wrong[1][0][2] = std::numeric_limits<float>::quiet_NaN();
  const Error error = REQUIRE_THROWS(kInvalidData, InspectAlone(model, wrong));
  REQUIRE(std::string(error.what()).find("index 22 ") != std::string::npos);
  REQUIRE(model.is_training());
}

TEST(MoreStatesThanAResultMayHoldAreRefused) {
  ModelOptions options = sample::Options();
  options.input_size = 1;
  options.hidden_size = 1024;
  options.num_layers = 1;
  ImageRnn model(options);
  const torch::Tensor images = torch::zeros({2, (1 << 17) + 1, 1}, torch::kUInt8);
  const Error error = REQUIRE_THROWS(kInvalidShape, InspectAlone(model, images));
  REQUIRE(std::string(error.what()).find("2 images of 131073 rows, for 1 layers of 1024 neurons") != std::string::npos);
}

TEST(AStopEndsAnInspectionBeforeItsNextBatch) {
  ImageRnn model(sample::Options());
  for (const auto& [reason, code] : {std::pair{StopReason::kAbort, kAborted}, std::pair{StopReason::kDispose, kDisposed}}) {
    const auto stop = sample::NoStop();
    stop->Request(reason);
    REQUIRE_THROWS(code, Inspect(model, sample::Images(2), sample::Labels(2), stop));
  }
  REQUIRE(model.is_training());
}

}  // namespace
}  // namespace torch_rnn_mnist
