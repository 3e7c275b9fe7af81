#include "native/fused/packed_parameters.h"

namespace torch_rnn_mnist::fused {

PackedParameters::PackedParameters(const Shape& shape, const Kernels& kernels) : shape_(shape), kernels_(kernels) {
  const int64_t hidden = shape.hidden_size;
  const auto padded = [&](int64_t size) { return PaddedSize(size, kernels.lanes); };
  const auto panels = [&](int64_t depth, int64_t columns) { return static_cast<size_t>(depth * padded(columns)); };
  layers_.resize(static_cast<size_t>(shape.num_layers));
  for (int64_t l = 0; l < shape.num_layers; ++l) {
    PackedLayer& layer = layers_[static_cast<size_t>(l)];
    layer.inputs = shape.InputsOf(l);
    memory_.Add(layer.input, panels(layer.inputs, hidden));
    memory_.Add(layer.state, panels(hidden, hidden));
    memory_.Add(layer.bias, static_cast<size_t>(padded(hidden)));
    if (l > 0) memory_.Add(layer.input_transposed, panels(hidden, layer.inputs));
    memory_.Add(layer.state_transposed, panels(hidden, hidden));
  }
  network_.layers = layers_.data();
  memory_.Add(network_.fc, panels(hidden, shape.num_classes));
  memory_.Add(network_.fc_bias, static_cast<size_t>(padded(shape.num_classes)));
  memory_.Add(network_.fc_transposed, panels(shape.num_classes, hidden));
  memory_.Allocate();
}

void PackedParameters::AddMatrix(const float* matrix, int64_t rows, int64_t columns, float* transposed, float* itself) {
  jobs_.push_back({matrix, rows, columns, transposed, /*transposed=*/true});
  if (itself != nullptr) jobs_.push_back({matrix, rows, columns, itself, /*transposed=*/false});
}

void PackedParameters::Pack(const Parameters& parameters, ThreadPool& pool) {
  const int64_t hidden = shape_.hidden_size;
  jobs_.clear();
  for (size_t l = 0; l < layers_.size(); ++l) {
    const LayerArrays<const float>& from = parameters.layers[l];
    const PackedLayer& to = layers_[l];
    AddMatrix(from.weight_hh, hidden, hidden, to.state, to.state_transposed);
    AddMatrix(from.weight_ih, hidden, to.inputs, to.input, to.input_transposed);
    for (int64_t i = 0; i < hidden; ++i) to.bias[i] = from.bias_ih[i] + from.bias_hh[i];
  }
  AddMatrix(parameters.fc_weight, shape_.num_classes, hidden, network_.fc, network_.fc_transposed);
  for (int64_t i = 0; i < shape_.num_classes; ++i) network_.fc_bias[i] = parameters.fc_bias[i];
  pool.Run(static_cast<int>(jobs_.size()), [&](int index) {
    const Job& job = jobs_[static_cast<size_t>(index)];
    (job.transposed ? kernels_.pack_transposed : kernels_.pack)(job.matrix, job.rows, job.columns, job.panels);
  });
}

}  // namespace torch_rnn_mnist::fused
