"""Runs inside onnxruntime-cann: one model under CANNExecutionProvider, for each set of inputs.

Arguments: model, options as JSON, then for each run a .npz of inputs and where the results go.
"""

import json
import sys

import numpy as np
import onnxruntime

path, options, *files = sys.argv[1:]
provider = ("CANNExecutionProvider", json.loads(options))
session = onnxruntime.InferenceSession(path, providers=[provider, "CPUExecutionProvider"])
assert session.get_providers()[0] == "CANNExecutionProvider", session.get_providers()
for inputs, outputs in zip(files[::2], files[1::2], strict=True):
    with np.load(inputs) as feeds:
        np.savez(outputs, *session.run(None, dict(feeds)))
