// How the fused engine divides its work among threads, with every instruction set that this processor has. Without libtorch, so that
// ThreadSanitizer sees all of it.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "native/fused/network.h"
#include "tests/native/check.h"

namespace torch_rnn_mnist::fused {
namespace {

// No size is a multiple of the lanes of a vector.
constexpr Shape kShape{.input_size = 5, .hidden_size = 19, .num_layers = 2, .num_classes = 3};
constexpr int64_t kSteps = 6;

// Fewer samples than threads, a few for each, and so many that each thread computes them in several parts.
const std::vector<int64_t> kBatchSizes = {1, 3, 23, 150};
constexpr int kMostThreads = 5;

// The largest difference of two arrays' values, relative to the largest value. With more threads, sums of up to 900 terms (samples and
// steps) are rounded in another order, and a rounding of float32 is 6e-8. The largest difference seen is 6e-7.
constexpr double kTolerance = 5e-6;

std::vector<float> RandomValues(int64_t count, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(std::ldexp(static_cast<double>(generator() >> 11), -53) - 0.5);
  return values;
}

// All arrays of kShape, in one.
template <typename Value>
class Flat {
 public:
  explicit Flat(Value* values) : next_(values) {
    arrays_.layers.resize(static_cast<size_t>(kShape.num_layers));
    for (int64_t l = 0; l < kShape.num_layers; ++l) {
      LayerArrays<Value>& layer = arrays_.layers[static_cast<size_t>(l)];
      layer.weight_ih = Take(kShape.hidden_size * kShape.InputsOf(l));
      layer.weight_hh = Take(kShape.hidden_size * kShape.hidden_size);
      layer.bias_ih = Take(kShape.hidden_size);
      layer.bias_hh = Take(kShape.hidden_size);
    }
    arrays_.fc_weight = Take(kShape.num_classes * kShape.hidden_size);
    arrays_.fc_bias = Take(kShape.num_classes);
  }

  const NetworkArrays<Value>& arrays() const { return arrays_; }
  // What is left after them.
  Value* end() const { return next_; }

 private:
  Value* Take(int64_t size) {
    Value* const array = next_;
    next_ += size;
    return array;
  }

  Value* next_;
  NetworkArrays<Value> arrays_{};
};

int64_t ParameterCount() {
  const std::vector<float> enough(4096);
  return Flat<const float>(enough.data()).end() - enough.data();
}

const std::vector<float>& ParameterValues() {
  static const std::vector<float> values = RandomValues(ParameterCount(), /*seed=*/1);
  return values;
}

struct Batch {
  explicit Batch(int64_t samples) : values(RandomValues(samples * kSteps * kShape.input_size, /*seed=*/2)) {
    for (int64_t n = 0; n < samples; ++n) {
      labels.push_back(n % kShape.num_classes);
      // Most samples begin with blank rows, so that they share a prefix where there are enough of them.
      float* const first = values.data() + n * kSteps * kShape.input_size;
      std::fill_n(first, (n % 5) * kShape.input_size, 0.0F);
    }
  }

  int64_t samples() const { return static_cast<int64_t>(labels.size()); }
  Images images() const { return {values.data(), samples(), kSteps}; }
  Targets targets() const { return {labels.data(), /*label_smoothing=*/0.1}; }

  std::vector<float> values;
  std::vector<int64_t> labels;
};

struct Numbers {
  std::vector<float> logits;
  std::vector<float> gradients;
  Sums sums;

  bool operator==(const Numbers& other) const {
    return logits == other.logits && gradients == other.gradients && sums.loss == other.sums.loss && sums.hits == other.sums.hits;
  }
};

// A network with the parameters.
class ReadyNetwork : public Network {
 public:
  ReadyNetwork(const InstructionSet& set, int threads) : Network(kShape, set, {.threads = threads}) {
    SetParameters(Flat<const float>(ParameterValues().data()).arrays());
  }
};

Numbers Compute(Network& network, const Batch& batch) {
  Numbers numbers{std::vector<float>(static_cast<size_t>(batch.samples() * kShape.num_classes)),
                  std::vector<float>(static_cast<size_t>(ParameterCount())),
                  {}};
  network.Logits(batch.images(), numbers.logits.data());
  numbers.sums = network.Accumulate(batch.images(), batch.targets(), Flat<float>(numbers.gradients.data()).arrays());
  return numbers;
}

Numbers ComputeAnew(const InstructionSet& set, int threads, const Batch& batch) {
  ReadyNetwork network(set, threads);
  return Compute(network, batch);
}

double LargestOf(const std::vector<float>& values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

void RequireClose(const std::vector<float>& actual, const std::vector<float>& expected) {
  REQUIRE_EQ(actual.size(), expected.size());
  const double tolerance = kTolerance * LargestOf(expected);
  REQUIRE(tolerance > 0);
  for (size_t i = 0; i < actual.size(); ++i) REQUIRE_NEAR(actual[i], expected[i], tolerance);
}

TEST(AnyNumberOfThreadsComputesTheSameNumbers) {
  for (const InstructionSet& set : InstructionSets()) {
    for (const int64_t samples : kBatchSizes) {
      const Batch batch(samples);
      const Numbers expected = ComputeAnew(set, /*threads=*/1, batch);
      for (int threads = 2; threads <= kMostThreads; ++threads) {
        const Numbers numbers = ComputeAnew(set, threads, batch);
        RequireClose(numbers.logits, expected.logits);
        RequireClose(numbers.gradients, expected.gradients);
        REQUIRE_NEAR(numbers.sums.loss, expected.sums.loss, kTolerance * expected.sums.loss);
        REQUIRE_EQ(numbers.sums.hits, expected.sums.hits);
      }
    }
  }
}

// Whichever thread took which part, and whatever was computed with the same memory before.
TEST(TheSameNumberOfThreadsComputesTheSameBits) {
  for (const InstructionSet& set : InstructionSets()) {
    for (int threads = 1; threads <= kMostThreads; ++threads) {
      ReadyNetwork used(set, threads);
      for (int round = 0; round < 3; ++round) {
        for (const int64_t samples : {int64_t{150}, int64_t{23}, int64_t{1}, int64_t{3}}) {
          const Batch batch(samples);
          REQUIRE(Compute(used, batch) == ComputeAnew(set, threads, batch));
        }
      }
    }
  }
}

TEST(RestChangesNothing) {
  for (const InstructionSet& set : InstructionSets()) {
    const Batch batch(23);
    ReadyNetwork network(set, /*threads=*/3);
    network.Rest();
    const Numbers first = Compute(network, batch);
    for (int round = 0; round < 3; ++round) {
      network.Rest();
      REQUIRE(Compute(network, batch) == first);
    }
    network.Rest();
    network.Rest();
  }
}

// They share the parameters and the images, and nothing that they write.
TEST(NetworksOnTwoThreadsDoNotMeet) {
  const Batch batch(23);
  for (const InstructionSet& set : InstructionSets()) {
    const Numbers expected = ComputeAnew(set, /*threads=*/2, batch);
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 2; ++caller) {
      callers.emplace_back([&] {
        ReadyNetwork network(set, /*threads=*/2);
        for (int round = 0; round < 10; ++round) {
          REQUIRE(Compute(network, batch) == expected);
          if (round == 5) network.Rest();
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
}

// As a model is: made on one thread, used on another, ended on a third.
TEST(ANetworkMayMoveBetweenThreads) {
  const Batch batch(23);
  const InstructionSet& set = InstructionSets().front();
  const Numbers expected = ComputeAnew(set, /*threads=*/2, batch);
  Numbers there;
  {
    ReadyNetwork network(set, /*threads=*/2);
    std::thread([&] { there = Compute(network, batch); }).join();
    REQUIRE(Compute(network, batch) == expected);
  }
  REQUIRE(there == expected);
}

}  // namespace
}  // namespace torch_rnn_mnist::fused
