"""
The tutorial's network in PyTorch. Reads a model of torch-rnn-mnist, and writes one that `ImageRNN.load` reads.

Usage: python read_model.py model.safetensors
Needs: torch, safetensors, numpy.
"""

import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

# What torch-rnn-mnist knows of a network besides its tensors, as JSON.
METADATA_KEY = "torch-rnn-mnist"


class ImageRNN(torch.nn.Module):
    """Reads images [N, T, n_inputs] row by row; returns logits [N, n_outputs]."""

    def __init__(self, batch_size, n_inputs, n_neurons, n_outputs, n_layers, nonlinearity="tanh"):
        super().__init__()
        self.batch_size = batch_size  # As in the tutorial. Each batch tells its own size, so any other is fine, too.
        self.basic_rnn = torch.nn.RNN(n_inputs, n_neurons, num_layers=n_layers, nonlinearity=nonlinearity)
        self.FC = torch.nn.Linear(n_neurons, n_outputs)

    def forward(self, images):
        rnn_out, _ = self.basic_rnn(images.permute(1, 0, 2))
        return self.FC(rnn_out[-1])


def load(path, batch_size=128):
    """The model in a file that torch-rnn-mnist wrote."""
    with safe_open(path, framework="pt") as file:
        network = json.loads(file.metadata()[METADATA_KEY])
    sizes = (network[name] for name in ("inputSize", "hiddenSize", "numClasses", "numLayers"))
    model = ImageRNN(batch_size, *sizes, nonlinearity=network["nonlinearity"])
    model.load_state_dict(load_file(path), strict=True)
    return model.eval()


def save(model, path):
    """Writes a model for torch-rnn-mnist. Sizes follow from the tensors; only an activation other than tanh must be stated."""
    network = {"nonlinearity": model.basic_rnn.nonlinearity}
    save_file(model.state_dict(), path, metadata={"format": "pt", METADATA_KEY: json.dumps(network)})


if __name__ == "__main__":
    model = load(sys.argv[1])
    print(model)
    print(model(torch.rand(2, 28, model.basic_rnn.input_size)))
