#include "native/core/training/parameter_average.h"

namespace torch_rnn_mnist {

ParameterAverage::ParameterAverage(FlatTensors& values) : values_(values), parameters_(values.ZerosLike()), average_(values.ZerosLike()) {
  Load(values, values);
}

void ParameterAverage::TakeNewValues() {
  if (values_.flat()._version() != version_) Load(values_, values_);
}

void ParameterAverage::ShowParameters() {
  TakeNewValues();
  values_.flat().copy_(parameters_.flat());
}

void ParameterAverage::ShowAverage() {
  parameters_.flat().copy_(values_.flat());
  values_.flat().copy_(average_.flat());
  version_ = values_.flat()._version();
}

void ParameterAverage::Follow(double decay, const std::optional<at::Tensor>& found_inf) {
  if (found_inf) {
    average_.flat().lerp_(values_.flat(), (1 - *found_inf) * (1 - decay));
  } else {
    average_.flat().lerp_(values_.flat(), 1 - decay);
  }
}

void ParameterAverage::Load(const FlatTensors& parameters, const FlatTensors& average) {
  parameters_.flat().copy_(parameters.flat());
  average_.flat().copy_(average.flat());
  values_.flat().copy_(average_.flat());
  version_ = values_.flat()._version();
}

ParametersShown::ParametersShown(std::optional<ParameterAverage>& average) : average_(average) {
  if (average_) average_->ShowParameters();
}

ParametersShown::~ParametersShown() {
  if (!average_) return;
  try {
    average_->ShowAverage();
  } catch (...) {
    // The device failed. It reports that to whoever uses it next, and a destructor cannot.
  }
}

}  // namespace torch_rnn_mnist
