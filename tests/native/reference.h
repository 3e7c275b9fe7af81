#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "native/core/data/dataset.h"
#include "native/core/model/image_rnn.h"

// Numbers from PyTorch that were computed once (tests/fixtures, with the scripts that made them), and the inputs they belong to.
namespace reference {

// The numbers of one fixture by name, as flatten-reference.mjs wrote them.
class Numbers {
 public:
  explicit Numbers(const std::string& file);

  // float64 in the fixture's shape; throws when there is no such name.
  const torch::Tensor& Get(const std::string& name) const;
  double Number(const std::string& name) const { return Get(name).item<double>(); }

 private:
  std::map<std::string, torch::Tensor> values_;
};

// Sets the formula weights of tests/fixtures/pytorch/make_reference.py.
void SetFormulaWeights(torch_rnn_mnist::ImageRnn& model);

// The first `count` training images of MNIST, in file order, as bytes.
std::shared_ptr<const torch_rnn_mnist::Dataset> MnistTraining(int64_t count);

}  // namespace reference
