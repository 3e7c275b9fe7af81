#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/core/model/model_options.h"

namespace torch_rnn_mnist {

// Named tensors, with PyTorch's names and in PyTorch's order.
using StateDict = std::vector<std::pair<std::string, at::Tensor>>;

// Where each parameter of a network lies in a flat buffer.
struct ParameterLayout {
  struct Entry {
    std::string name;  // As in PyTorch's state dict: "basic_rnn.weight_ih_l0".
    std::vector<int64_t> shape;
    int64_t offset = 0;  // In values from the start of the buffer.
  };
  std::vector<Entry> entries;  // In the order of the state dict.
  int64_t size = 0;            // Total number of values.
};

// The buffer holds all recurrent matrices, then all recurrent biases, then the linear layer. That is cuDNN's order (weights first, layer
// by layer, input before state), so that cuDNN can use the parameters where they are. Not tried on a GPU yet.
ParameterLayout LayOut(const ModelOptions& options);

// One float32 value for every parameter of a network (the parameters themselves, their gradients, a moment of Adam) in one flat buffer,
// with the named tensors as views into it. So one operation updates, zeroes or copies all of them.
class FlatTensors {
 public:
  // Zeros.
  FlatTensors(std::shared_ptr<const ParameterLayout> layout, c10::Device device);

  const at::Tensor& flat() const { return flat_; }
  const ParameterLayout& layout() const { return *layout_; }
  // A view of the buffer.
  at::Tensor View(const ParameterLayout::Entry& entry) const { return ViewOf(flat_, entry); }
  // The same part of another buffer with this layout.
  static at::Tensor ViewOf(const at::Tensor& flat, const ParameterLayout::Entry& entry);
  // Zeros for the same parameters, on the same device.
  FlatTensors ZerosLike() const { return {layout_, flat_.device()}; }
  // The same values on another device. Throws when there is not enough memory, and then changes nothing.
  FlatTensors To(c10::Device device) const;

  // Copies on the CPU.
  StateDict Copy() const;
  // Replaces every value. Throws ERR_INVALID_DATA when a name is missing, unknown or given twice, and ERR_INVALID_SHAPE when a shape
  // differs; then nothing is changed.
  void Load(const StateDict& state);

 private:
  std::shared_ptr<const ParameterLayout> layout_;
  at::Tensor flat_;
};

}  // namespace torch_rnn_mnist
