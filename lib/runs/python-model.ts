/** The same network in Python. */
import type { Architecture } from '../model/architecture'

/**
 * The arguments of {@link PYTHON_MODEL}'s constructor, as a configuration names them. `from_pretrained` of huggingface_hub takes them from
 * there, and ignores everything else.
 */
export function pythonArguments(architecture: Architecture): Record<string, unknown> {
  const { inputSize, hiddenSize, numLayers, numClasses, nonlinearity, normalization } = architecture
  const sizes = { input_size: inputSize, hidden_size: hiddenSize, num_layers: numLayers, num_classes: numClasses }
  return { ...sizes, nonlinearity, ...(normalization !== undefined && { normalization }) }
}

/** The class in PyTorch. The folder of a run is a model repository for it. examples/python/image_rnn.py has it, too. */
export const PYTHON_MODEL = `\
import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn


class ImageRNN(nn.Module, PyTorchModelHubMixin):
    def __init__(self, input_size=28, hidden_size=150, num_layers=3, num_classes=10, nonlinearity="tanh", normalization=None):
        super().__init__()
        self.basic_rnn = nn.RNN(input_size, hidden_size, num_layers, nonlinearity=nonlinearity, batch_first=True)
        self.FC = nn.Linear(hidden_size, num_classes)
        for name, default in {"mean": [0.0], "std": [1.0]}.items():
            self.register_buffer(name, torch.tensor((normalization or {}).get(name, default)), persistent=False)

    def forward(self, images):
        """Images [N, T, F], 0 (background) to 1 (ink), to logits [N, C]."""
        outputs, _ = self.basic_rnn((images - self.mean) / self.std)
        return self.FC(outputs[:, -1])`
