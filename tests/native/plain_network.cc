#include "tests/native/plain_network.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace plain {
namespace {

using torch_rnn_mnist::fused::Images;
using torch_rnn_mnist::fused::Nonlinearity;
using torch_rnn_mnist::fused::Shape;
using torch_rnn_mnist::fused::Targets;

Values Zeros(int64_t size) { return Values(static_cast<size_t>(size)); }

// out += matrix x, or out += matrix^T x. matrix: [rows, columns].
void AddProduct(const Values& matrix, const Values& x, Values& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    for (size_t j = 0; j < x.size(); ++j) out[i] += matrix[i * x.size() + j] * x[j];
  }
}
void AddTransposedProduct(const Values& matrix, const Values& x, Values& out) {
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = 0; j < out.size(); ++j) out[j] += matrix[i * out.size() + j] * x[i];
  }
}
// matrix += left right^T
void AddOuterProduct(const Values& left, const Values& right, Values& matrix) {
  for (size_t i = 0; i < left.size(); ++i) {
    for (size_t j = 0; j < right.size(); ++j) matrix[i * right.size() + j] += left[i] * right[j];
  }
}
void Add(const Values& x, Values& out) {
  for (size_t i = 0; i < x.size(); ++i) out[i] += x[i];
}

// One sample, through all steps and layers.
class Sample {
 public:
  Sample(const Network& network, const float* image, int64_t steps) : network_(network), steps_(static_cast<size_t>(steps)) {
    const Shape& shape = network.shape;
    for (size_t t = 0; t < steps_; ++t) {
      const float* row = image + static_cast<int64_t>(t) * shape.input_size;
      rows_.emplace_back(row, row + shape.input_size);
    }
    h_.assign(network.layers.size(), std::vector<Values>(steps_, Zeros(shape.hidden_size)));
  }

  // Returns the logits.
  Values Forward(double& least_z) {
    for (size_t t = 0; t < steps_; ++t) {
      for (size_t l = 0; l < h_.size(); ++l) {
        const Layer& layer = network_.layers[l];
        Values z = Zeros(network_.shape.hidden_size);
        Add(layer.bias_ih, z);
        Add(layer.bias_hh, z);
        AddProduct(layer.weight_ih, Input(l, t), z);
        if (t > 0) AddProduct(layer.weight_hh, h_[l][t - 1], z);
        for (size_t i = 0; i < z.size(); ++i) {
          least_z = std::min(least_z, std::abs(z[i]));
          h_[l][t][i] = network_.shape.nonlinearity == Nonlinearity::kTanh ? std::tanh(z[i]) : std::max(z[i], 0.0);
        }
      }
    }
    Values logits = network_.fc_bias;
    AddProduct(network_.fc_weight, h_.back().back(), logits);
    return logits;
  }

  // dlogits: the gradient to the logits.
  void Backward(const Values& dlogits, Network& gradients) {
    AddOuterProduct(dlogits, h_.back().back(), gradients.fc_weight);
    Add(dlogits, gradients.fc_bias);
    std::vector<std::vector<Values>> dh(h_.size(), std::vector<Values>(steps_, Zeros(network_.shape.hidden_size)));
    AddTransposedProduct(network_.fc_weight, dlogits, dh.back().back());
    for (size_t t = steps_; t-- > 0;) {
      for (size_t l = h_.size(); l-- > 0;) {
        Values dz = dh[l][t];
        for (size_t i = 0; i < dz.size(); ++i) dz[i] *= Derivative(h_[l][t][i]);
        Layer& gradient = gradients.layers[l];
        Add(dz, gradient.bias_ih);
        Add(dz, gradient.bias_hh);
        AddOuterProduct(dz, Input(l, t), gradient.weight_ih);
        if (l > 0) AddTransposedProduct(network_.layers[l].weight_ih, dz, dh[l - 1][t]);
        if (t == 0) continue;
        AddOuterProduct(dz, h_[l][t - 1], gradient.weight_hh);
        AddTransposedProduct(network_.layers[l].weight_hh, dz, dh[l][t - 1]);
      }
    }
  }

 private:
  const Values& Input(size_t l, size_t t) const { return l == 0 ? rows_[t] : h_[l - 1][t]; }

  // f'(z) by h = f(z).
  double Derivative(double h) const {
    if (network_.shape.nonlinearity == Nonlinearity::kTanh) return 1 - h * h;
    return h > 0 ? 1 : 0;
  }

  const Network& network_;
  const size_t steps_;
  std::vector<Values> rows_;            // [T][F]
  std::vector<std::vector<Values>> h_;  // [L][T][H]
};

// The cross entropy of one sample. Replaces the logits by the gradient to them.
double Loss(Values& logits, int64_t label, double smoothing) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const double logit : logits) total += std::exp(logit - highest);
  double loss = 0;
  for (size_t c = 0; c < logits.size(); ++c) {
    const double target = (static_cast<int64_t>(c) == label ? 1 - smoothing : 0) + smoothing / static_cast<double>(logits.size());
    const double log_probability = logits[c] - highest - std::log(total);
    loss -= target * log_probability;
    logits[c] = std::exp(log_probability) - target;
  }
  return loss;
}

}  // namespace

Network::Network(const Shape& of) : shape(of), fc_weight(Zeros(of.num_classes * of.hidden_size)), fc_bias(Zeros(of.num_classes)) {
  const int64_t hidden = shape.hidden_size;
  for (int64_t l = 0; l < shape.num_layers; ++l) {
    layers.push_back({Zeros(hidden * shape.InputsOf(l)), Zeros(hidden * hidden), Zeros(hidden), Zeros(hidden)});
  }
}

std::vector<Values*> Network::Arrays() {
  std::vector<Values*> arrays;
  for (Layer& layer : layers) arrays.insert(arrays.end(), {&layer.weight_ih, &layer.weight_hh, &layer.bias_ih, &layer.bias_hh});
  arrays.insert(arrays.end(), {&fc_weight, &fc_bias});
  return arrays;
}

Result Compute(const Network& network, const Images& images, const Targets& targets) {
  Result result(network.shape);
  for (int64_t n = 0; n < images.samples; ++n) {
    Sample sample(network, images.values + n * images.steps * network.shape.input_size, images.steps - images.ShiftOf(n));
    Values logits = sample.Forward(result.least_z);
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    result.hits += std::max_element(logits.begin(), logits.end()) - logits.begin() == targets.labels[n] ? 1 : 0;
    result.loss += Loss(logits, targets.labels[n], targets.label_smoothing);
    sample.Backward(logits, result.gradients);
  }
  return result;
}

}  // namespace plain
