"""Networks train on npu:0 as they do on the CPU, from the same seed: ResNets, a U-Net, a DCGAN and
an LSTM classifier."""

import json
from pathlib import Path

import pytest

CLIENT = Path(__file__).with_name("client_parity.py")


def check(toolkit, steps, size, timeout):
    done = toolkit.anycann(
        "run", "python3", CLIENT, steps, size, timeout=timeout, TORCH_NPU_FALLBACK_CPU_DISABLE="1"
    )
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(runs) == 8
    for run in runs:
        allowed = {"f32": 1e-3, "f16": 1e-2, "bf16": 3e-2}[run["type"]]
        assert len(run["npu"]) == steps
        for cpu, npu in zip(run["cpu"], run["npu"], strict=True):
            assert abs(cpu - npu) <= allowed * abs(cpu), run


def test_small_networks_train_alike(toolkit):
    check(toolkit, 4, "small", 300)


@pytest.mark.slow
def test_whole_networks_train_alike(toolkit):
    check(toolkit, 20, "full", 3000)
