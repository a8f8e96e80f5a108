"""Convolution, pooling, resizing and sampling through the unmodified wheel, beside the CPU."""

import json
from pathlib import Path

CLIENT = Path(__file__).with_name("client_vision.py")
FORMATS = Path(__file__).with_name("client_formats.py")


def test_results_and_gradients_agree_with_the_cpu(toolkit):
    done = toolkit.anycann(
        "run", "python3", CLIENT, timeout=300, TORCH_NPU_FALLBACK_CPU_DISABLE="1"
    )
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(cases) > 150, f"only {len(cases)} cases ran"
    wrong = [f"{c['case']} {c['dtype']}: {c['error'][:200]}" for c in cases if c["error"]]
    assert not wrong, "\n".join(wrong)


def test_private_formats_round_trip(toolkit):
    done = toolkit.anycann("run", "python3", FORMATS, timeout=120)
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(cases) == 22
    assert all(case["format"] and case["same"] for case in cases), cases
