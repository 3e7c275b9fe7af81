#include "native/core/model/bfloat16_parameters.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace torch_rnn_mnist {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Autograd's own conversion would make a buffer of its own for each parameter.
class Copy : public torch::autograd::Function<Copy> {
 public:
  static variable_list forward(AutogradContext*, const FlatTensors& values, at::TensorList) {
    const at::Tensor flat = values.flat().to(torch::kBFloat16);
    variable_list copies;
    for (const ParameterLayout::Entry& entry : values.layout().entries) copies.push_back(FlatTensors::ViewOf(flat, entry));
    return copies;
  }

  static variable_list backward(AutogradContext*, const variable_list& gradients) {
    variable_list results(1);  // The values themselves have none.
    for (const at::Tensor& gradient : gradients) results.push_back(gradient.defined() ? gradient.to(torch::kFloat32) : gradient);
    return results;
  }
};

}  // namespace

std::vector<at::Tensor> CopyToBfloat16(const FlatTensors& values, const std::vector<at::Tensor>& parameters) {
  return Copy::apply(values, at::TensorList(parameters));
}

}  // namespace torch_rnn_mnist
