// The numbers of the fused engine, with every instruction set that this processor has. Without libtorch: so these tests also run where
// there is none, such as under ThreadSanitizer, and for ARM64 under an emulator.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "native/fused/network.h"
#include "tests/native/check.h"
#include "tests/native/plain_network.h"

using torch_rnn_mnist::fused::Gradients;
using torch_rnn_mnist::fused::Images;
using torch_rnn_mnist::fused::InstructionSet;
using torch_rnn_mnist::fused::InstructionSets;
using torch_rnn_mnist::fused::LayerArrays;
using torch_rnn_mnist::fused::Network;
using torch_rnn_mnist::fused::NetworkArrays;
using torch_rnn_mnist::fused::NetworkOptions;
using torch_rnn_mnist::fused::Nonlinearity;
using torch_rnn_mnist::fused::Shape;
using torch_rnn_mnist::fused::Sums;
using torch_rnn_mnist::fused::Targets;

namespace {

// How far a result may be off, in the Euclidean norm and relative to the norm of the right one. A rounding of float32 is 6e-8, and the
// engine's tanh is within 3e-7. The largest errors of 1,000 cases are beside the tolerances, most are a tenth of that; a missing term, or a
// padding that is not zero, makes one of 1e-2 and more.
constexpr double kLogitsTolerance = 1e-5;    // 4e-6
constexpr double kGradientTolerance = 5e-5;  // 2e-5
constexpr double kLossTolerance = 3e-7;      // 6e-8
// An array that is smaller than this part of the whole gradient, because its terms cancel each other, has rounding errors of larger
// numbers.
constexpr double kSmallPart = 0.01;

// As far from ReLU's kink as no rounding reaches: values of z are around 1, and have rounding errors around 1e-6.
constexpr double kLeastZ = 1e-5;

// The same numbers with every standard library, which std::uniform_real_distribution does not promise.
class Draw {
 public:
  explicit Draw(uint64_t seed) : generator_(seed) {}

  double Real(double low, double high) { return low + (high - low) * std::ldexp(static_cast<double>(generator_() >> 11), -53); }
  int64_t Integer(int64_t low, int64_t high) { return low + static_cast<int64_t>(generator_() % static_cast<uint64_t>(high - low + 1)); }
  template <typename Value>
  Value One(const std::vector<Value>& of) {
    return of[static_cast<size_t>(Integer(0, static_cast<int64_t>(of.size()) - 1))];
  }

 private:
  std::mt19937_64 generator_;
};

struct Batch {
  std::vector<float> values;  // [N, T, F]
  std::vector<int64_t> labels;
  int64_t steps;
  double label_smoothing;
  std::vector<int64_t> lengths = {};  // Empty: every sample has all steps.

  Images images() const { return {values.data(), static_cast<int64_t>(labels.size()), steps, lengths.empty() ? nullptr : lengths.data()}; }
  Targets targets() const { return {labels.data(), label_smoothing}; }
};

// Of the images, some begin with blank rows, and some are blank.
Batch DrawBatch(Draw& draw, const Shape& shape, int64_t samples, int64_t steps) {
  Batch batch{{}, {}, steps, draw.One<double>({0, 0.1, 1})};
  const bool has_blank_rows = draw.Integer(0, 3) > 0;
  for (int64_t n = 0; n < samples; ++n) {
    batch.labels.push_back(draw.Integer(0, shape.num_classes - 1));
    const int64_t blank_rows = has_blank_rows ? draw.Integer(0, steps) : 0;
    for (int64_t t = 0; t < steps; ++t) {
      for (int64_t f = 0; f < shape.input_size; ++f) {
        const bool is_ink = t >= blank_rows && draw.Integer(0, 1) == 1;
        batch.values.push_back(is_ink ? static_cast<float>(draw.Real(0, 1)) : 0.0F);
      }
    }
  }
  return batch;
}

// Gives the samples of a batch lengths: all the same, or any, or all but a few short ones. What nobody may read becomes NaN.
void DrawLengths(Draw& draw, Batch& batch) {
  const int64_t most = draw.Integer(1, batch.steps);
  const auto kind = draw.Integer(0, 2);
  const auto features = static_cast<int64_t>(batch.values.size() / batch.labels.size()) / batch.steps;
  for (int64_t n = 0; n < static_cast<int64_t>(batch.labels.size()); ++n) {
    const bool is_short = kind == 1 || (kind == 2 && draw.Integer(0, 4) == 0);
    batch.lengths.push_back(is_short ? draw.Integer(1, most) : most);
    const auto first = batch.values.begin() + n * batch.steps * features;
    std::fill(first + batch.lengths.back() * features, first + batch.steps * features, std::nanf(""));
  }
}

// Every parameter is a value of float32.
plain::Network DrawNetwork(Draw& draw, const Shape& shape) {
  plain::Network network(shape);
  const double bound = draw.One<double>({0.5, 1}) / std::sqrt(static_cast<double>(shape.hidden_size));
  for (plain::Values* array : network.Arrays()) {
    for (double& value : *array) value = static_cast<float>(draw.Real(-bound, bound));
  }
  return network;
}

// The arrays of a network in float32, which the engine reads or writes.
class FloatArrays {
 public:
  explicit FloatArrays(plain::Network network) : shape_(network.shape) {
    for (const plain::Values* array : network.Arrays()) values_.emplace_back(array->begin(), array->end());
  }

  const std::vector<std::vector<float>>& values() const { return values_; }

  template <typename Value>
  NetworkArrays<Value> Pointers() {
    NetworkArrays<Value> arrays{};
    auto next = values_.begin();
    for (int64_t l = 0; l < shape_.num_layers; ++l, next += 4) {
      arrays.layers.push_back({next[0].data(), next[1].data(), next[2].data(), next[3].data()});
    }
    arrays.fc_weight = next[0].data();
    arrays.fc_bias = next[1].data();
    return arrays;
  }

 private:
  const Shape shape_;
  std::vector<std::vector<float>> values_;
};

struct Case {
  std::string name;
  plain::Network network;
  Batch batch;
  int threads;
};

Case DrawCaseOnce(uint64_t seed) {
  // Around the lanes of all vectors, and at the edges of tiles and pieces.
  const std::vector<int64_t> sizes{1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 28, 31, 32, 33};
  Draw draw(seed);
  Shape shape;
  shape.input_size = draw.One(sizes);
  shape.hidden_size = draw.One(sizes);
  shape.num_layers = draw.Integer(1, 3);
  shape.num_classes = draw.One<int64_t>({1, 2, 5, 10, 17});
  shape.nonlinearity = draw.One<Nonlinearity>({Nonlinearity::kTanh, Nonlinearity::kRelu});
  const auto samples = draw.One<int64_t>({1, 2, 7, 13, 24, 25, 67, 133});
  const auto steps = draw.One<int64_t>({1, 2, 5, 9, 17});
  const auto threads = static_cast<int>(draw.Integer(1, 3));
  std::ostringstream name;
  name << "seed " << seed << ", F " << shape.input_size << ", H " << shape.hidden_size << ", L " << shape.num_layers << ", C "
       << shape.num_classes << (shape.nonlinearity == Nonlinearity::kTanh ? ", tanh" : ", ReLU") << ", N " << samples << ", T " << steps
       << ", threads " << threads;
  return {name.str(), DrawNetwork(draw, shape), DrawBatch(draw, shape, samples, steps), threads};
}

// Another one where rounding could take a pre-activation over ReLU's kink.
Case DrawCase(uint64_t seed) {
  constexpr uint64_t kNext = 1'000'000;
  for (;; seed += kNext) {
    Case one = DrawCaseOnce(seed);
    if (one.network.shape.nonlinearity == Nonlinearity::kTanh) return one;
    if (plain::Compute(one.network, one.batch.images(), one.batch.targets()).least_z > kLeastZ) return one;
  }
}

double Norm(const plain::Values& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

// The norm of the difference.
double Error(const std::vector<float>& actual, plain::Values expected) {
  for (size_t i = 0; i < expected.size(); ++i) expected[i] -= static_cast<double>(actual[i]);
  return Norm(expected);
}

// The engine with the parameters of a case, and gradients that begin at zero.
class Engine {
 public:
  Engine(const Case& of, const InstructionSet& set, bool shares_blank_prefix)
      : parameters_(of.network),
        gradients_(plain::Network(of.network.shape)),
        network_(of.network.shape, set, {of.threads, shares_blank_prefix}) {
    network_.SetParameters(parameters_.Pointers<const float>());
  }

  Sums Accumulate(const Batch& batch) { return network_.Accumulate(batch.images(), batch.targets(), gradients_.Pointers<float>()); }

  std::vector<float> Logits(const Batch& batch) {
    std::vector<float> logits(batch.labels.size() * parameters_.values().back().size());
    network_.Logits(batch.images(), logits.data());
    return logits;
  }

  void Rest() { network_.Rest(); }

  const std::vector<std::vector<float>>& gradients() const { return gradients_.values(); }

 private:
  FloatArrays parameters_;
  FloatArrays gradients_;
  Network network_;
};

// Calls `body` for every instruction set, with and without a shared blank prefix.
void ForEachEngine(const Case& one, const std::function<void(Engine& engine, const std::string& name)>& body) {
  for (const InstructionSet& set : InstructionSets()) {
    for (const bool shares_blank_prefix : {false, true}) {
      Engine engine(one, set, shares_blank_prefix);
      body(engine, one.name + ", " + set.name + (shares_blank_prefix ? ", shared blank prefix" : ""));
    }
  }
}

void RequireAtMost(double error, double limit, const std::string& what) {
  if (!(error <= limit)) check::Fail(__FILE__, __LINE__, what + ": error " + check::Text(error) + ", at most " + check::Text(limit));
}

void RequireGradients(const Engine& engine, plain::Network expected, const std::string& name) {
  const std::vector<plain::Values*> arrays = expected.Arrays();
  plain::Values norms;
  for (const plain::Values* array : arrays) norms.push_back(Norm(*array));
  for (size_t i = 0; i < arrays.size(); ++i) {
    const double limit = norms[i] == 0 ? 0 : kGradientTolerance * std::max(norms[i], kSmallPart * Norm(norms));
    RequireAtMost(Error(engine.gradients()[i], *arrays[i]), limit, name + ", gradient " + std::to_string(i));
  }
}

// Logits, loss, hits and gradients of every engine against a plain computation in float64.
void RequireNumbersOfFloat64(const Case& one) {
  const plain::Result expected = plain::Compute(one.network, one.batch.images(), one.batch.targets());
  ForEachEngine(one, [&](Engine& engine, const std::string& name) {
    RequireAtMost(Error(engine.Logits(one.batch), expected.logits), kLogitsTolerance * Norm(expected.logits), name + ", logits");
    const Sums sums = engine.Accumulate(one.batch);
    RequireAtMost(std::abs(sums.loss - expected.loss), kLossTolerance * expected.loss, name + ", loss");
    if (sums.hits != expected.hits) check::Fail(__FILE__, __LINE__, name + ": hits " + std::to_string(sums.hits));
    RequireGradients(engine, expected.gradients, name);
  });
}

}  // namespace

TEST(LogitsLossAndGradientsAreThoseOfFloat64) {
  for (uint64_t seed = 1; seed <= 24; ++seed) RequireNumbersOfFloat64(DrawCase(seed));
}

TEST(PaddedSequencesGiveTheNumbersOfFloat64AndPaddingIsNotRead) {
  for (uint64_t seed = 101; seed <= 148; ++seed) {
    Case one = DrawCase(seed);
    Draw draw(seed);
    DrawLengths(draw, one.batch);
    one.name += ", lengths";
    RequireNumbersOfFloat64(one);
  }
}

// Lengths that are all T say nothing new. Without a blank prefix, not even the order of a sum differs.
TEST(FullLengthsGiveTheSameBitsAsNone) {
  for (const uint64_t seed : {5, 6, 7, 8}) {
    Case one = DrawCase(seed);
    Batch full = one.batch;
    full.lengths.assign(full.labels.size(), full.steps);
    for (const InstructionSet& set : InstructionSets()) {
      Engine without(one, set, false), with(one, set, false);
      REQUIRE(with.Logits(full) == without.Logits(one.batch));
      REQUIRE_EQ(with.Accumulate(full).loss, without.Accumulate(one.batch).loss);
      REQUIRE(with.gradients() == without.gradients());
    }
  }
}

TEST(GradientsOfBatchesOfAnySizeAreAddedUp) {
  const Case one = DrawCase(3);
  Draw draw(4);
  std::vector<Batch> batches{DrawBatch(draw, one.network.shape, 9, 3), DrawBatch(draw, one.network.shape, 70, 6),
                             DrawBatch(draw, one.network.shape, 1, 6), DrawBatch(draw, one.network.shape, 70, 6)};
  DrawLengths(draw, batches.back());
  plain::Network expected(one.network.shape);
  for (const Batch& batch : batches) {
    plain::Result result = plain::Compute(one.network, batch.images(), batch.targets());
    REQUIRE(result.least_z > kLeastZ || one.network.shape.nonlinearity == Nonlinearity::kTanh);
    for (size_t i = 0; i < expected.Arrays().size(); ++i) {
      plain::Values& sum = *expected.Arrays()[i];
      for (size_t k = 0; k < sum.size(); ++k) sum[k] += (*result.gradients.Arrays()[i])[k];
    }
  }
  ForEachEngine(one, [&](Engine& engine, const std::string& name) {
    for (const Batch& batch : batches) engine.Accumulate(batch);
    RequireGradients(engine, expected, name);
  });
}

TEST(TheSameCallsGiveTheSameBits) {
  for (const uint64_t seed : {5, 6, 7, 8}) {
    const Case one = DrawCase(seed);
    ForEachEngine(one, [&](Engine& engine, const std::string& name) {
      const std::vector<float> logits = engine.Logits(one.batch);
      engine.Accumulate(one.batch);
      const std::vector<std::vector<float>> gradients = engine.gradients();
      engine.Rest();
      if (engine.Logits(one.batch) != logits) check::Fail(__FILE__, __LINE__, name + ": other logits after a rest");
    });
    for (const InstructionSet& set : InstructionSets()) {
      Engine first(one, set, true), second(one, set, true);
      const Sums sums = first.Accumulate(one.batch);
      REQUIRE_EQ(second.Accumulate(one.batch).loss, sums.loss);
      REQUIRE(first.gradients() == second.gradients());
    }
  }
}

// Training has to notice a network that diverged: no instruction set may turn NaN into a number.
TEST(NotANumberStaysOne) {
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    Case one = DrawCase(seed);
    const auto row = static_cast<int64_t>(one.batch.values.size() / one.batch.labels.size());
    const auto classes = one.network.shape.num_classes;
    one.batch.values[static_cast<size_t>(row - 1)] = std::nanf("");  // In the first sample.
    ForEachEngine(one, [&](Engine& engine, const std::string& name) {
      const std::vector<float> logits = engine.Logits(one.batch);
      for (size_t i = 0; i < logits.size(); ++i) {
        const bool is_first = static_cast<int64_t>(i) < classes;
        if (std::isnan(logits[i]) != is_first) check::Fail(__FILE__, __LINE__, name + ": logit " + std::to_string(i));
      }
      if (!std::isnan(engine.Accumulate(one.batch).loss)) check::Fail(__FILE__, __LINE__, name + ": loss");
    });
  }
}

TEST(TheGradientsToCompareWithAreTheDerivativesOfTheLoss) {
  constexpr double kStep = 1e-5;
  for (const Nonlinearity nonlinearity : {Nonlinearity::kTanh, Nonlinearity::kRelu}) {
    Draw draw(9);
    const Shape shape{.input_size = 3, .hidden_size = 4, .num_layers = 2, .num_classes = 3, .nonlinearity = nonlinearity};
    plain::Network network = DrawNetwork(draw, shape);
    const Batch batch = DrawBatch(draw, shape, 5, 4);
    const auto compute = [&] { return plain::Compute(network, batch.images(), batch.targets()); };
    plain::Result result = compute();
    REQUIRE(result.least_z > 10 * kStep);  // No difference reaches over the kink.
    for (size_t i = 0; i < network.Arrays().size(); ++i) {
      plain::Values& array = *network.Arrays()[i];
      for (size_t k = 0; k < array.size(); ++k) {
        const double value = array[k];
        array[k] = value + kStep;
        const double above = compute().loss;
        array[k] = value - kStep;
        const double below = compute().loss;
        array[k] = value;
        // The difference is exact up to the step's square and a rounding of 1e-16 divided by the step.
        REQUIRE_NEAR((*result.gradients.Arrays()[i])[k], (above - below) / (2 * kStep), 1e-8);
      }
    }
  }
}
