"""
The tutorial's network in PyTorch, as a model of the Hugging Face Hub: it reads the folder of a run of torch-rnn-mnist.

A run of `rnn-mnist-train` leaves a folder with config.json and model.safetensors, which is a model repository. `from_pretrained` takes the
sizes from config.json and the weights from model.safetensors; it also takes the name of a repository on the Hub, once the folder is there:

    hf upload my-name/digits runs/2026-11-24T21-25-08Z      (better: what `rnn-mnist-train runs export --output digits` wrote)

Usage: python image_rnn.py runs/2026-11-24T21-25-08Z
Needs: torch, huggingface_hub, safetensors. Copy the class into your own program.
"""

import sys

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
        return self.FC(outputs[:, -1])


if __name__ == "__main__":
    model = ImageRNN.from_pretrained(sys.argv[1]).eval()
    print(model)
    # In place of these, images of 28 rows and columns: bytes divided by 255, with nothing else subtracted or divided.
    images = torch.rand(2, 28, model.basic_rnn.input_size)
    with torch.inference_mode():
        print(model(images).softmax(dim=1))
