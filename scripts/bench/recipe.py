"""
A recipe of this package in PyTorch, for time-to-accuracy.mjs: trains a network with the same options, measures it on the test set after the
last epoch, and prints JSON as its last line. The argument is JSON:

    options: all options of the training, by the names and with the values that `rnn-mnist-train --json` prints in its first event
    seed, device, threads (0: as PyTorch chooses), data (a folder with IDX files; absent: the bundled MNIST)

It is written for speed, as far as PyTorch's own functions go: the data set stays in memory as bytes, a batch is picked by index and
augmented as a whole, the optimizer is the fused one, and nothing waits for a device within an epoch. The random numbers are PyTorch's own.
"""

from __future__ import annotations

import json
import math
import pathlib
import sys
import time

import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tutorial import DATA, read_mnist

EVALUATION_BATCH = 1000  # The default of this package's evaluations.
WARMUP_START, WARMUP_SHARE = 0.1, 0.05  # As lib/training/schedules.ts.

# What the options below may be, besides what this program computes with. Others are refused: it would train something else.
FIXED = {"accumulationSteps": 1, "precision": "float32"}
COMPUTED = {
    *("inputSize", "hiddenSize", "numLayers", "numClasses", "nonlinearity", "recurrentInit"),
    *("epochs", "batchSize", "shuffle", "optimizer", "learningRate", "betas", "weightDecay", "momentum"),
    *("clipGradNorm", "labelSmoothing", "emaDecay"),
    *("schedule", "warmup", "minLearningRate"),
    *("augmentShift", "augmentRotation", "augmentScale", "augmentShear", "augmentFlip"),
}
# These change nothing of what is learned, or only together with others that are refused.
IGNORED = {"seed", "device", "engine", "threads", "logInterval", "checkpointEvery", "keepCheckpoints"}
IGNORED |= {"stepSize", "gamma", "plateauPatience", "restoreBest"}
SCHEDULES = ("constant", "cosine", "warmup-cosine")


def check_options(options):
    for name, value in options.items():
        if name in FIXED and value != FIXED[name]:
            raise SystemExit(f"Expected {FIXED[name]} for {name} but received {value}: recipe.py does not do this.")
        if name not in {*FIXED, *COMPUTED, *IGNORED} and value:  # One that is off does no harm.
            raise SystemExit(f"Expected options that recipe.py knows but received {name}.")
    if options["schedule"] not in SCHEDULES:
        raise SystemExit(f"Expected the schedule {', '.join(SCHEDULES)} but received {options['schedule']}: recipe.py does not do this.")


class ImageRNN(torch.nn.Module):
    """The tutorial's class, of any size."""

    def __init__(self, options):
        super().__init__()
        layers, neurons = options["numLayers"], options["hiddenSize"]
        self.basic_rnn = torch.nn.RNN(options["inputSize"], neurons, layers, nonlinearity=options["nonlinearity"])
        self.FC = torch.nn.Linear(neurons, options["numClasses"])
        if options["recurrentInit"] == "identity":
            for layer in range(layers):
                torch.nn.init.eye_(getattr(self.basic_rnn, f"weight_hh_l{layer}"))

    def forward(self, images):
        states, _ = self.basic_rnn(images.transpose(0, 1))
        return self.FC(states[-1])


MUON_WEIGHT_DECAY = 0.1  # The default of torch.optim.Muon, which AdamW gets here, too.


def is_hidden_matrix(name):
    """Whether Muon changes a parameter: those between hidden states."""
    return name.startswith("basic_rnn.weight_") and name != "basic_rnn.weight_ih_l0"


def make_optimizers(model, options):
    given = {"lr": options["learningRate"]}
    if options.get("weightDecay") is not None:
        given["weight_decay"] = options["weightDecay"]  # Else PyTorch's default, as here.
    adam = {"betas": tuple(options["betas"]), "fused": True}
    if options["optimizer"] != "muon":
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[options["optimizer"]]
        return [kind(model.parameters(), **given, **adam)]
    given.setdefault("weight_decay", MUON_WEIGHT_DECAY)
    hidden = [p for name, p in model.named_parameters() if is_hidden_matrix(name)]
    others = [p for name, p in model.named_parameters() if not is_hidden_matrix(name)]
    muon = torch.optim.Muon(hidden, momentum=options["momentum"], adjust_lr_fn="match_rms_adamw", **given)
    return [muon, torch.optim.AdamW(others, **given, **adam)]


def make_schedule(optimizer, options, updates):
    """Steps after every update. None: the rate stays."""
    if options["schedule"] == "constant":
        return None
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR
    share = 0 if options["schedule"] == "cosine" else options.get("warmup", WARMUP_SHARE)
    warmup = math.floor(updates * share + 0.5)  # JavaScript's Math.round.
    if warmup == 0:
        return cosine(optimizer, updates, options["minLearningRate"])
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, WARMUP_START, total_iters=warmup)
    if warmup >= updates:
        return rise
    fall = cosine(optimizer, updates - warmup, options["minLearningRate"])
    return torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], [warmup])


def make_average(model, options):
    """The moving average of the parameters, which starts from the first ones; None without."""
    if options.get("emaDecay") is None:
        return None
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(options["emaDecay"]))
    average.n_averaged.fill_(1)  # It holds the first parameters; at 0 the first update would replace them.
    return average


def augmentation_of(options):
    """The most: shift in pixels, rotation and shear in radians, scale as a share; and how probable a flip is. None: no changes."""
    shift, scale, flip = options["augmentShift"], options["augmentScale"], options["augmentFlip"]
    rotation, shear = (math.radians(options[name]) for name in ("augmentRotation", "augmentShear"))
    return (shift, rotation, scale, shear, flip) if any((shift, rotation, scale, shear, flip)) else None


def source_maps(changes, rows, columns):
    """
    For affine_grid: where each pixel of the result comes from.

    changes: [6, N], each of shift to the right, shift down (pixels), rotation, shear (radians), scale, and side: -1 mirrors left to right,
    1 does not. An image is mirrored, sheared, scaled, rotated and shifted about its centre, so this is the inverse, as torchvision's
    _get_inverse_affine_matrix gives it; in grid_sample's units, of which an image is 2 wide and 2 high.
    """
    right, down, rotation, shear, scale, side = changes
    cos, sin, tan = rotation.cos() / scale, rotation.sin() / scale, shear.tan()
    xx, xy, yx, yy = cos - sin * tan, cos * tan + sin, -sin, cos
    x0, y0 = -(xx * right + xy * down), -(yx * right + yy * down)
    across = torch.stack([side * xx, side * xy * rows / columns, side * 2 * x0 / columns], 1)
    along = torch.stack([yx * columns / rows, yy, 2 * y0 / rows], 1)
    return torch.stack([across, along], 1)


def augment(images, augmentation):
    """Images [N, rows, columns], each changed at random within these limits."""
    shift, rotation, scale, shear, flip = augmentation
    limits = torch.tensor([shift, shift, rotation, shear, scale], device=images.device)[:, None]
    changes = limits * (2 * torch.rand(5, len(images), device=images.device) - 1)
    changes[4] += 1
    sides = torch.ones(1, len(images), device=images.device)
    if flip > 0:  # Without it, the random numbers of what follows stay as they are.
        sides -= 2 * (torch.rand(1, len(images), device=images.device) < flip)
    whole = images[:, None]
    maps = source_maps(torch.cat([changes, sides]), *images.shape[1:])
    grid = functional.affine_grid(maps, list(whole.shape), align_corners=False)
    return functional.grid_sample(whole, grid, align_corners=False)[:, 0]


class Training:
    """All that an epoch needs."""

    def __init__(self, model, options, samples):
        self.model = model
        self.options = options
        self.criterion = torch.nn.CrossEntropyLoss(label_smoothing=options["labelSmoothing"])
        self.optimizers = make_optimizers(model, options)
        updates = options["epochs"] * math.ceil(samples / options["batchSize"])
        self.schedules = [make_schedule(optimizer, options, updates) for optimizer in self.optimizers]
        self.average = make_average(model, options)
        self.augmentation = augmentation_of(options)

    def step(self, images, labels):
        """An update. Returns the mean loss before it, and the number of hits, both on the device."""
        self.model.zero_grad()
        logits = self.model(images)
        loss = self.criterion(logits, labels)
        loss.backward()
        if self.options.get("clipGradNorm") is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options["clipGradNorm"])
        for optimizer, schedule in zip(self.optimizers, self.schedules):
            optimizer.step()
            if schedule is not None:
                schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return loss.detach(), (logits.argmax(1) == labels).sum()

    def epoch(self, images, labels):
        """Returns the mean loss and the accuracy of the epoch."""
        count, device = len(images), images.device
        loss_sum, hits = torch.zeros((), device=device), torch.zeros((), dtype=torch.long, device=device)
        order = torch.randperm(count, device=device) if self.options["shuffle"] else torch.arange(count, device=device)
        for index in order.split(self.options["batchSize"]):
            batch = images[index].float() / 255
            if self.augmentation is not None:
                batch = augment(batch, self.augmentation)
            loss, batch_hits = self.step(batch, labels[index])
            loss_sum += loss * len(index)
            hits += batch_hits
        return loss_sum.item() / count, hits.item() / count

    @torch.inference_mode()
    def evaluate(self, images, labels):
        """The mean cross entropy and the accuracy of the model, or of its average."""
        model = self.model if self.average is None else self.average
        loss_sum, hits = 0.0, 0
        for x, y in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH)):
            logits = model(x.float() / 255)
            loss_sum += functional.cross_entropy(logits, y, reduction="sum").item()
            hits += (logits.argmax(1) == y).sum().item()
        return loss_sum / len(images), hits / len(images)


def main():
    setting = json.loads(sys.argv[1])
    options = setting["options"]
    check_options(options)
    if setting["threads"] > 0:
        torch.set_num_threads(setting["threads"])
    torch.set_flush_denormal(True)  # As this package does.
    torch.manual_seed(setting["seed"])
    folder = pathlib.Path(setting["data"]) if setting.get("data") else DATA
    train, test = ([part.to(setting["device"]) for part in read_mnist(name, folder)] for name in ("train", "t10k"))
    training = Training(ImageRNN(options).to(setting["device"]), options, len(train[0]))
    epochs = []
    for epoch in range(options["epochs"]):
        started = time.perf_counter()
        loss, accuracy = training.epoch(*train)
        epochs.append({"seconds": time.perf_counter() - started, "trainLoss": loss, "trainAccuracy": accuracy})
        print(f"epoch {epoch + 1} of {options['epochs']} done", flush=True)
    loss, accuracy = training.evaluate(*test)
    samples = {"trainSamples": len(train[0]), "testSamples": len(test[0])}
    place = {"device": str(train[0].device), "threads": torch.get_num_threads()}
    print(json.dumps({**place, **samples, "epochs": epochs, "testLoss": loss, "testAccuracy": accuracy}))


if __name__ == "__main__":
    main()
