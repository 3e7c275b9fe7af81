"""
The Python counterpart of addon-loop.mjs, for steps.mjs. Trains a model for each line {"steps": N} on stdin, and answers with a line; ends
with stdin. The argument is JSON: { samples, batchSize, threads }.
"""

import json
import sys
import time

import torch
from tutorial import ImageRNN, read_mnist

options = json.loads(sys.argv[1])
samples, batch_size = options["samples"], options["batchSize"]
if options["threads"] > 0:
    torch.set_num_threads(options["threads"])
torch.set_flush_denormal(True)  # as the addon does; denormals would slow this half down
torch.manual_seed(1)
images, labels = (part[:samples] for part in read_mnist("train"))
model = ImageRNN()


def train(steps):
    """Trains for a number of batches, over as many epochs as needed. Returns the images, and the mean loss of the last epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    seen = 0
    while steps > 0:
        loss_sum = torch.zeros(())
        hits = torch.zeros((), dtype=torch.long)
        order = torch.randperm(samples).split(batch_size)[:steps]
        for index in order:
            x, y = images[index].float() / 255, labels[index]
            optimizer.zero_grad()
            logits = model(x)
            loss = torch.nn.functional.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(y)
            hits += (logits.argmax(1) == y).sum()
        steps -= len(order)
        trained = sum(map(len, order))
        seen += trained
    return seen, loss_sum.item() / trained


for line in sys.stdin:
    started = time.perf_counter()
    seen, loss = train(json.loads(line)["steps"])
    answer = {"seconds": time.perf_counter() - started, "images": seen, "loss": loss, "threads": torch.get_num_threads()}
    print(json.dumps(answer), flush=True)
