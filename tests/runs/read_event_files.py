"""Reads a folder as TensorBoard does, and prints its scalars as JSON: by tag, a list of [step, value]. argv: the folder."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

accumulator = EventAccumulator(sys.argv[1])
accumulator.Reload()
scalars = {}
for tag in accumulator.Tags()["scalars"]:
    scalars[tag] = [[event.step, event.value] for event in accumulator.Scalars(tag)]
print(json.dumps({"version": accumulator.file_version, "scalars": scalars}))
