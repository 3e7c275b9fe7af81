#include "tests/native/reference.h"

#include <cmath>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace reference {
namespace {

constexpr int64_t kImageHeader = 16;  // Bytes of an IDX header with three dimensions.
constexpr int64_t kLabelHeader = 8;   // The same with one dimension.
constexpr int64_t kRows = 28;
constexpr int64_t kColumns = 28;

std::ifstream Open(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return file;
}

template <typename T>
std::vector<T> ReadAll(const std::string& text) {
  std::istringstream in(text);
  std::vector<T> values;
  for (T value; in >> value;) values.push_back(value);
  return values;
}

torch::Tensor ReadBytes(const std::string& name, int64_t header, int64_t count) {
  std::ifstream file = Open(std::string(MNIST_DIR) + "/" + name);
  torch::Tensor bytes = torch::empty({count}, torch::kUInt8);
  file.seekg(header);
  file.read(reinterpret_cast<char*>(bytes.data_ptr<uint8_t>()), count);
  if (file.gcount() != count) throw std::runtime_error(name + " is too short");
  return bytes;
}

// The finalizer of MurmurHash3: a formula for numbers without visible pattern, with the same result in every language.
uint32_t Mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x85EBCA6BU;
  h ^= h >> 13;
  h *= 0xC2B2AE35U;
  h ^= h >> 16;
  return h;
}

torch::Tensor FormulaValues(uint32_t position, torch::IntArrayRef shape) {
  const double scale = std::pow(150.0, -0.5);
  torch::Tensor values = torch::empty(shape);
  float* data = values.data_ptr<float>();
  for (uint32_t i = 0; i < values.numel(); ++i) {
    data[i] = static_cast<float>((Mix(i + (position << 20)) / 2147483648.0 - 1) * scale);
  }
  return values;
}

}  // namespace

Numbers::Numbers(const std::string& file) {
  std::ifstream in = Open(file);
  for (std::string name, shape, values; std::getline(in, name, '\t') && std::getline(in, shape, '\t') && std::getline(in, values);) {
    values_[name] = torch::tensor(ReadAll<double>(values), torch::kFloat64).view(ReadAll<int64_t>(shape));
  }
}

const torch::Tensor& Numbers::Get(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::runtime_error("the fixture has no numbers named " + name);
  return found->second;
}

void SetFormulaWeights(torch_rnn_mnist::ImageRnn& model) {
  torch_rnn_mnist::StateDict state = model.values().Copy();
  uint32_t position = 0;
  for (auto& [name, value] : state) {
    const bool recurrent = name.find("weight_hh") != std::string::npos;
    value = recurrent ? torch::eye(value.size(0)) : FormulaValues(position, value.sizes());
    ++position;
  }
  model.values().Load(state);
}

std::shared_ptr<const torch_rnn_mnist::Dataset> MnistTraining(int64_t count) {
  const torch::Tensor images = ReadBytes("train-images-idx3-ubyte", kImageHeader, count * kRows * kColumns);
  const torch::Tensor labels = ReadBytes("train-labels-idx1-ubyte", kLabelHeader, count);
  const torch_rnn_mnist::LabelledImages data{images.view({count, kRows, kColumns}), labels};
  return std::make_shared<const torch_rnn_mnist::Dataset>(std::make_shared<const torch_rnn_mnist::ImageStorage>(data));
}

}  // namespace reference
