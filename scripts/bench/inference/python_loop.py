"""
The Python counterpart of addon-loop.mjs, with the tutorial's class: answers {"work": "evaluate", "batchSize": N} or
{"work": "one", "calls": N} on stdin with a line of milliseconds. The argument is JSON: { threads, file }, the file of a model.
"""

import json
import pathlib
import sys
import time

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from tutorial import ImageRNN, read_mnist

options = json.loads(sys.argv[1])
if options["threads"] > 0:
    torch.set_num_threads(options["threads"])
torch.set_flush_denormal(True)  # as the addon does


def read_parameters(file):
    """Of a safetensors file, whose package a Python with torch need not have: length of the header, header in JSON, float32 values."""
    content = pathlib.Path(file).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    parameters = {}
    for name, tensor in header.items():
        begin, end = (start + offset for offset in tensor["data_offsets"])
        parameters[name] = torch.from_numpy(numpy.frombuffer(content[begin:end], "<f4").copy()).reshape(tensor["shape"])
    return parameters


model = ImageRNN().eval()
model.load_state_dict(read_parameters(options["file"]))
images, labels = read_mnist("t10k")


def evaluate(setting):
    """Loss and hits over the test set, as the addon computes them."""
    started = time.perf_counter()
    loss_sum, hits = 0.0, 0
    for x, y in zip(images.split(setting["batchSize"]), labels.split(setting["batchSize"])):
        logits = model(x.float() / 255)
        loss_sum += torch.nn.functional.cross_entropy(logits, y).item() * len(y)
        hits += (logits.argmax(1) == y).sum().item()
    return {"milliseconds": (time.perf_counter() - started) * 1000, "hits": hits}


def predict():
    return model(images[:1].float() / 255).softmax(1).argmax(1).item()


def one(setting):
    found = predict()
    times = []
    for _ in range(setting["calls"]):
        started = time.perf_counter()
        predict()
        times.append((time.perf_counter() - started) * 1000)
    return {"milliseconds": times, "class": found}


with torch.inference_mode():
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"evaluate": evaluate, "one": one}[request["work"]](request)
        print(json.dumps({**answer, "threads": torch.get_num_threads()}), flush=True)
