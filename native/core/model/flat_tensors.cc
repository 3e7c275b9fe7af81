#include "native/core/model/flat_tensors.h"

#include <torch/types.h>

#include <unordered_map>
#include <unordered_set>

#include "native/core/runtime/error.h"

namespace torch_rnn_mnist {
namespace {

constexpr int64_t kMaxValues = int64_t{1} << 40;  // 4 TB: keeps sums of sizes from overflowing.

std::string ShapeText(at::IntArrayRef shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

int64_t CountValues(const ParameterLayout::Entry& entry) {
  int64_t count = 1;
  for (const int64_t size : entry.shape) count *= size;
  return count;
}

}  // namespace

ParameterLayout LayOut(const ModelOptions& options) {
  const int64_t hidden = options.hidden_size;
  ParameterLayout layout;
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    const std::string suffix = "_l" + std::to_string(layer);
    layout.entries.push_back({"basic_rnn.weight_ih" + suffix, {hidden, layer == 0 ? options.input_size : hidden}});
    layout.entries.push_back({"basic_rnn.weight_hh" + suffix, {hidden, hidden}});
    layout.entries.push_back({"basic_rnn.bias_ih" + suffix, {hidden}});
    layout.entries.push_back({"basic_rnn.bias_hh" + suffix, {hidden}});
  }
  const size_t recurrent = layout.entries.size();
  layout.entries.push_back({"FC.weight", {options.num_classes, hidden}});
  layout.entries.push_back({"FC.bias", {options.num_classes}});
  const auto place = [&layout](size_t index) {
    layout.entries[index].offset = layout.size;
    layout.size += CountValues(layout.entries[index]);
    if (layout.size > kMaxValues) throw Error(kOutOfMemory, "Not enough memory for a network of this size.");
  };
  for (const size_t dimensions : {size_t{2}, size_t{1}}) {
    for (size_t index = 0; index < recurrent; ++index) {
      if (layout.entries[index].shape.size() == dimensions) place(index);
    }
  }
  for (size_t index = recurrent; index < layout.entries.size(); ++index) place(index);
  return layout;
}

FlatTensors::FlatTensors(std::shared_ptr<const ParameterLayout> layout, c10::Device device)
    : layout_(std::move(layout)), flat_(torch::zeros({layout_->size}, torch::dtype(torch::kFloat32).device(device))) {}

at::Tensor FlatTensors::ViewOf(const at::Tensor& flat, const ParameterLayout::Entry& entry) {
  return flat.narrow(0, entry.offset, CountValues(entry)).view(entry.shape);
}

FlatTensors FlatTensors::To(c10::Device device) const {
  FlatTensors moved = *this;
  moved.flat_ = flat_.to(device);
  return moved;
}

StateDict FlatTensors::Copy() const {
  FlatTensors copy = *this;
  copy.flat_ = flat_.is_cpu() ? flat_.clone() : flat_.cpu();
  StateDict state;
  for (const ParameterLayout::Entry& entry : layout_->entries) state.emplace_back(entry.name, copy.View(entry));
  return state;
}

void FlatTensors::Load(const StateDict& state) {
  const std::unordered_map<std::string, at::Tensor> values(state.begin(), state.end());
  std::unordered_set<std::string> known;
  for (const ParameterLayout::Entry& entry : layout_->entries) {
    known.insert(entry.name);
    const auto found = values.find(entry.name);
    if (found == values.end()) throw Error(kInvalidData, "Expected a parameter " + entry.name + " but it is missing.");
    if (found->second.sizes() != at::IntArrayRef(entry.shape)) {
      throw Error(kInvalidShape, "Expected shape " + ShapeText(entry.shape) + " for " + entry.name + " but received " +
                                     ShapeText(found->second.sizes()) + ".");
    }
  }
  for (const auto& [name, value] : state) {
    if (known.count(name) == 0) throw Error(kInvalidData, "The model has no parameter named " + name + ".");
  }
  if (state.size() != layout_->entries.size()) throw Error(kInvalidData, "A parameter is given twice.");
  for (const ParameterLayout::Entry& entry : layout_->entries) View(entry).copy_(values.at(entry.name));
}

}  // namespace torch_rnn_mnist
