"""Layers, losses and recurrences through the unmodified wheel, forward and backward, against
double precision on the CPU."""

import json
from pathlib import Path

CLIENT = Path(__file__).with_name("client_nn.py")


def test_layers_agree_with_the_cpu(toolkit):
    done = toolkit.anycann(
        "run", "python3", CLIENT, timeout=600, TORCH_NPU_FALLBACK_CPU_DISABLE="1"
    )
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(cases) > 380, f"only {len(cases)} cases ran"
    wrong = [c for c in cases if c["error"]]
    report = "\n".join(
        f"{c['operator']} {c['dtype']} {c['layout']}: {c['error'][:200]}" for c in wrong
    )
    assert not wrong, report


OPTIMIZERS = Path(__file__).with_name("client_optim.py")


def test_optimizers_agree_with_the_cpu(toolkit):
    done = toolkit.anycann(
        "run", "python3", OPTIMIZERS, timeout=300, TORCH_NPU_FALLBACK_CPU_DISABLE="1"
    )
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(cases) > 15, f"only {len(cases)} cases ran"
    assert not [c for c in cases if c["error"]]
