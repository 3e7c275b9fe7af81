#include "tests/native/parity_cases.h"

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "native/core/model/flat_tensors.h"
#include "native/core/runtime/random.h"
#include "tests/native/float64_network.h"

namespace parity {
namespace {

using torch_rnn_mnist::ModelOptions;
using torch_rnn_mnist::Nonlinearity;
using torch_rnn_mnist::ParameterLayout;

// Pre-activations are at least so far from 0, relative to the largest one of their layer and sample: 64 roundings of float32. They are sums
// of some hundred products, whose roundings mostly cancel, and each state passes its own on.
constexpr double kKinkMargin = 64.0 / (1 << 24);
constexpr int kDrawsOfImages = 10;
constexpr int kDrawsOfValues = 100;

class Draw {
 public:
  explicit Draw(uint64_t seed) : generator_(torch_rnn_mnist::MakeGenerator(seed)) {}

  int64_t Integer(int64_t low, int64_t high) { return torch::randint(low, high + 1, {1}, generator_).item<int64_t>(); }
  double Real(double low, double high) { return low + (high - low) * torch::rand({1}, generator_, torch::kFloat64).item<double>(); }
  bool Coin() { return Integer(0, 1) == 1; }
  template <typename Value>
  Value One(const std::vector<Value>& of) {
    return of[static_cast<size_t>(Integer(0, static_cast<int64_t>(of.size()) - 1))];
  }
  // One of these numbers, or any from 1 to `high`, which is as likely as all of these together.
  int64_t Size(const std::vector<int64_t>& often, int64_t high) { return Coin() ? One(often) : Integer(1, high); }

  torch::Tensor Uniform(torch::IntArrayRef shape) { return torch::rand(shape, generator_); }
  torch::Tensor Normal(torch::IntArrayRef shape) { return torch::randn(shape, generator_); }
  torch::Tensor Integers(int64_t high, torch::IntArrayRef shape) { return torch::randint(high + 1, shape, generator_); }

 private:
  torch::Generator generator_;
};

ModelOptions DrawOptions(Draw& draw, Nonlinearity nonlinearity, const CaseRange& range) {
  ModelOptions options;
  options.nonlinearity = nonlinearity;
  options.input_size = draw.Size({1, 7, 8, 9, 15, 16, 17, 28, 31, 32, 33, 40}, 40);
  options.hidden_size = range.hidden_sizes.empty() ? draw.Integer(1, 160) : draw.One(range.hidden_sizes);
  options.num_layers = draw.Integer(1, 4);
  options.num_classes = range.class_numbers.empty() ? draw.Size({1, 2, 7, 8, 9, 10, 15, 16, 17}, 20) : draw.One(range.class_numbers);
  return options;
}

int64_t Multiplications(const ModelOptions& options, int64_t samples, int64_t steps) {
  const int64_t hidden = options.hidden_size;
  const int64_t a_step = hidden * (options.input_size + hidden + (options.num_layers - 1) * 2 * hidden);
  return samples * (steps * a_step + options.num_classes * hidden);
}

// All parameters uniform around 0, with a factor to PyTorch's bound that makes states shrink or grow with time; recurrent matrices are also
// near the identity, as in the tutorial.
torch::Tensor DrawValues(Draw& draw, const ModelOptions& options) {
  const ParameterLayout layout = torch_rnn_mnist::LayOut(options);
  torch::Tensor values = torch::empty({layout.size});
  const double scale = draw.One<double>({0.5, 1, 2});
  const bool is_near_identity = draw.Integer(0, 2) == 0;
  for (const ParameterLayout::Entry& entry : layout.entries) {
    torch::Tensor value = torch_rnn_mnist::FlatTensors::ViewOf(values, entry);
    const double bound = scale / std::sqrt(static_cast<double>(options.hidden_size));
    value.copy_(draw.Uniform(value.sizes()).mul(2).sub(1).mul(bound));
    const bool is_recurrent = entry.name.find("weight_hh") != std::string::npos;
    if (is_near_identity && is_recurrent) value.mul_(0.1).add_(torch::eye(options.hidden_size));
  }
  return values;
}

enum class Content { kInk, kDense, kSigned };
enum class Blank { kNoRow, kSomeRows, kTheSameRows, kAllRows, kAllRowsOfMost };

// float32 [N, T, F]
torch::Tensor DrawImages(Draw& draw, Content content, Blank blank, torch::IntArrayRef shape) {
  const int64_t samples = shape[0];
  const int64_t steps = shape[1];
  torch::Tensor images = content == Content::kSigned ? draw.Normal(shape) : draw.Integers(255, shape).add(1).div(256);
  if (content == Content::kInk) images.mul_(draw.Uniform(shape).lt(0.3));
  torch::Tensor starts;  // The first row that is not blank: int64 [N].
  switch (blank) {
    case Blank::kNoRow:
      images.select(1, 0).add_(images.select(1, 0).eq(0));  // No zero at all in the first row.
      return images;
    case Blank::kSomeRows:
      starts = draw.Integers(steps, {samples});
      break;
    case Blank::kTheSameRows:
      starts = draw.Integers(steps, {1}).expand({samples});
      break;
    case Blank::kAllRows:
      starts = torch::full({samples}, steps);
      break;
    case Blank::kAllRowsOfMost:
      starts = torch::full({samples}, steps).sub(draw.Integers(9, {samples}).eq(0).mul(draw.Integers(steps, {1})));
      break;
  }
  // A blank row of a signed image has zeros of both signs.
  return images.mul_(torch::arange(steps).ge(starts.unsqueeze(1)).unsqueeze(2));
}

// For each sample the least distance of a pre-activation from 0, relative to the largest one of its layer: float64 [N].
torch::Tensor LeastDistances(const Case& one) {
  const torch::NoGradGuard no_grad;
  Float64Network network(one.options, one.values);
  std::vector<torch::Tensor> least(static_cast<size_t>(one.options.num_layers));
  std::vector<torch::Tensor> largest(least.size());
  network.Unroll(one.batch.images.to(torch::kFloat64), [&](int64_t number, const torch::Tensor& sum) {
    const auto layer = static_cast<size_t>(number);
    const auto [low, high] = torch::aminmax(sum.abs(), /*dim=*/1);
    least[layer] = least[layer].defined() ? torch::minimum(least[layer], low) : low;
    largest[layer] = largest[layer].defined() ? torch::maximum(largest[layer], high) : high;
    return network.Activate(sum);
  });
  return torch::stack(least).div(torch::stack(largest)).amin(/*dim=*/0);
}

// Draws values and images, again where they are too close to the kink of ReLU.
void DrawNumbers(Draw& draw, Case& one, torch::IntArrayRef shape) {
  const auto content = draw.One<Content>({Content::kInk, Content::kInk, Content::kDense, Content::kSigned});
  const auto blank =
      draw.One<Blank>({Blank::kNoRow, Blank::kSomeRows, Blank::kSomeRows, Blank::kTheSameRows, Blank::kAllRows, Blank::kAllRowsOfMost});
  for (int values = 0; values < kDrawsOfValues; ++values) {
    one.values = DrawValues(draw, one.options);
    one.batch.images = DrawImages(draw, content, blank, shape);
    if (one.options.nonlinearity == Nonlinearity::kTanh) return;
    for (int images = 0; images < kDrawsOfImages; ++images) {
      const torch::Tensor is_close = LeastDistances(one).lt(kKinkMargin);
      if (!is_close.any().item<bool>()) return;
      one.batch.images = torch::where(is_close.view({-1, 1, 1}), DrawImages(draw, content, blank, shape), one.batch.images);
    }
  }
  throw std::runtime_error("no inputs off the kink of ReLU were found for " + one.Describe());
}

}  // namespace

std::string Case::Describe() const {
  std::ostringstream text;
  text << "seed " << seed << ": " << (options.nonlinearity == Nonlinearity::kTanh ? "tanh" : "ReLU") << ", N " << batch.labels.numel()
       << ", T " << batch.images.size(1) << ", F " << options.input_size << ", H " << options.hidden_size << ", L " << options.num_layers
       << ", C " << options.num_classes << ", label smoothing " << label_smoothing << ", threads " << threads
       << (batch.lengths.defined() ? ", lengths" : "");
  return text.str();
}

Case DrawCase(uint64_t seed, Nonlinearity nonlinearity, const CaseRange& range) {
  Draw draw(seed);
  Case one;
  one.seed = seed;
  one.options = DrawOptions(draw, nonlinearity, range);
  int64_t samples = draw.Size({1, 7, 8, 9, 12, 13, 24, 25, 32, 33, 127, 128, 129}, 140);
  int64_t steps = draw.Size({1, 2, 28}, 30);
  while (Multiplications(one.options, samples, steps) > range.work && (samples > 1 || steps > 1)) {
    int64_t& larger = samples > steps ? samples : steps;
    larger -= (larger + 3) / 4;
  }
  one.batch.labels = draw.Integers(one.options.num_classes - 1, {samples});
  one.label_smoothing = draw.One<double>({0, 0, 0.1, 1, draw.Real(0, 1)});
  one.threads = static_cast<int>(draw.Integer(1, 4));
  DrawNumbers(draw, one, {samples, steps, one.options.input_size});
  if (range.has_lengths) one.batch.lengths = draw.Integers(steps - 1, {samples}).add(1).to(torch::kInt64);
  return one;
}

}  // namespace parity
