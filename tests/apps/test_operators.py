"""The operators of this release through the unmodified wheel, against PyTorch on the CPU."""

import collections
import json
from pathlib import Path

import pytest

CLIENTS = {"client_operators": 1500, "client_math": 1500, "client_arrays": 2000}


@pytest.mark.parametrize("client", CLIENTS)
def test_operators_agree_with_the_cpu(toolkit, client):
    path = Path(__file__).with_name(f"{client}.py")
    done = toolkit.anycann("run", "python3", path, timeout=600, TORCH_NPU_FALLBACK_CPU_DISABLE="1")
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(cases) > CLIENTS[client], f"only {len(cases)} cases ran"
    wrong = collections.defaultdict(list)
    for case in cases:
        if case["error"]:
            wrong[case["operator"]].append(
                f"{case['dtype']} {case['layout']}: {case['error'][:200]}"
            )
    report = "\n".join(f"{name}: {errors}" for name, errors in sorted(wrong.items()))
    assert not wrong, report
