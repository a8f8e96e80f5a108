"""The unmodified onnxruntime-cann wheel: a single operator, and a graph."""

import subprocess
import sys

import pytest
from conftest import client_folder

MODEL = r"""
import sys

import numpy as np
import onnxruntime


def number(n):
    return bytes([n & 127 | 128]) + number(n >> 7) if n > 127 else bytes([n])


def text(field, data):
    return number(field << 3 | 2) + number(len(data)) + data


def integer(field, value):
    return number(field << 3) + number(value)


# y = x + x on four floats, written as an ONNX model by hand: no package for that is needed.
shape = text(1, integer(1, 1) + text(2, text(1, integer(1, 4))))
node = text(1, b"x") + text(1, b"x") + text(2, b"y") + text(4, b"Add")
values = text(11, text(1, b"x") + text(2, shape)) + text(12, text(1, b"y") + text(2, shape))
model = integer(1, 8) + text(7, text(1, node) + text(2, b"g") + values) + text(8, integer(2, 13))
options = {"enable_cann_graph": sys.argv[1]}
session = onnxruntime.InferenceSession(model, providers=[("CANNExecutionProvider", options)])
assert session.get_providers()[0] == "CANNExecutionProvider", session.get_providers()
print(session.run(None, {"x": np.arange(4, dtype=np.float32)})[0].tolist())
"""


def run(environment, graph_mode, folder):
    provider = client_folder("onnxruntime") / "capi" / "libonnxruntime_providers_cann.so"
    if not provider.exists():
        pytest.skip("onnxruntime-cann is not installed: this is another onnxruntime")
    command = [sys.executable, "-c", "import onnxruntime.capi._pybind_state"]
    if subprocess.run(command, capture_output=True, env=environment, check=False).returncode:
        pytest.skip("onnxruntime-cann is not installed, or its numpy is not")
    return subprocess.run(
        [sys.executable, "-c", MODEL, graph_mode],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_single_operator(environment, tmp_path):
    done = run(environment, "0", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[0.0, 2.0, 4.0, 6.0]"


def test_whole_graph(environment, tmp_path):
    """The provider leaves its model in the working directory."""
    done = run(environment, "1", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[0.0, 2.0, 4.0, 6.0]"
    assert list(tmp_path.glob("*.om"))
