#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "native/core/model/flat_tensors.h"

namespace torch_rnn_mnist {

// An exponential moving average of a network's parameters. While batches run, the network holds the parameters that are trained; between
// two ranges it holds their average, so that it is what everybody else sees. Values are copied and never exchanged: the network's
// parameters and autograd's gradients are views of buffers that stay where they are.
class ParameterAverage {
 public:
  // `values`: the network's, which must outlive this object. They are the average at first, as well as the parameters.
  explicit ParameterAverage(FlatTensors& values);

  // Where the network was given other values since it holds the average, these are the parameters and the average from now on.
  void TakeNewValues();
  // Does the same, and gives the network the parameters.
  void ShowParameters();
  // Keeps the network's values as the parameters, and gives it the average. Fails only with the device itself.
  void ShowAverage();
  // While the network holds the parameters, after an update: average = decay * average + (1 - decay) * parameters.
  // `found_inf`: float32 on the device; nothing is changed there where it is 1. None is the same as 0.
  void Follow(double decay, const std::optional<at::Tensor>& found_inf);

  // While the network holds the average.
  const FlatTensors& parameters() const { return parameters_; }
  const FlatTensors& average() const { return average_; }
  // Replaces both, and gives the network the average.
  void Load(const FlatTensors& parameters, const FlatTensors& average);

 private:
  FlatTensors& values_;
  FlatTensors parameters_;  // Outdated while the network holds the parameters.
  FlatTensors average_;
  uint32_t version_ = 0;  // libtorch's count of changes to the network's values, when they became the average.
};

// The network holds the parameters while the object lives, and their average before and after. Does nothing where there is no average.
class ParametersShown {
 public:
  explicit ParametersShown(std::optional<ParameterAverage>& average);
  ~ParametersShown();
  ParametersShown(const ParametersShown&) = delete;
  ParametersShown& operator=(const ParametersShown&) = delete;

 private:
  std::optional<ParameterAverage>& average_;
};

}  // namespace torch_rnn_mnist
