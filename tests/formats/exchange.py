"""
Reads, writes and judges safetensors files with Python's package, for python-safetensors.test.ts. Prints JSON.

Usage: python exchange.py read FILE | copy FROM TO | logits FILE IMAGES | judge < files, each after its length (4 bytes, little-endian)
"""

import json
import struct
import sys

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import load_file, save_file


def read(path):
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        return {"metadata": file.metadata(), "tensors": {name: describe(array) for name, array in tensors.items()}}


def describe(array):
    return {"dtype": str(array.dtype), "shape": array.shape, "hex": array.tobytes().hex()}


def copy(source, target):
    with safe_open(source, framework="numpy") as file:
        metadata = file.metadata()
    save_file(load_file(source), target, metadata=metadata)


def logits(path, images, dtype):
    """Of the network in a file, for images [N, T, F] of bytes: a plain loop over the time steps."""
    with safe_open(path, framework="numpy") as file:
        network = json.loads(file.metadata()["torch-rnn-mnist"])
    weights = {name: array.astype(dtype) for name, array in load_file(path).items()}
    activation = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[network["nonlinearity"]]
    inputs = images.astype(dtype) / dtype(255)
    for layer in range(network["numLayers"]):
        w_ih, w_hh, b_ih, b_hh = (weights[f"basic_rnn.{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        state = np.zeros((len(images), network["hiddenSize"]), dtype)
        outputs = np.empty((*inputs.shape[:2], network["hiddenSize"]), dtype)
        for step in range(inputs.shape[1]):
            state = activation(inputs[:, step] @ w_ih.T + b_ih + state @ w_hh.T + b_hh)
            outputs[:, step] = state
        inputs = outputs
    return inputs[:, -1] @ weights["FC.weight"].T + weights["FC.bias"]


def judge(files):
    """For each file, what its tensors are, or why it is refused."""
    while head := files.read(4):
        (length,) = struct.unpack("<I", head)
        try:
            tensors = deserialize(files.read(length))
            print(json.dumps({name: [part["dtype"], part["shape"], bytes(part["data"]).hex()] for name, part in tensors}))
        except SafetensorError as error:
            print(json.dumps(str(error)))


command, *args = sys.argv[1:]
if command == "read":
    print(json.dumps(read(*args)))
elif command == "copy":
    copy(*args)
elif command == "logits":
    images = np.fromfile(args[1], np.uint8).reshape(-1, 28, 28)
    print(json.dumps({dtype.__name__: logits(args[0], images, dtype).tolist() for dtype in (np.float32, np.float64)}))
else:
    judge(sys.stdin.buffer)
