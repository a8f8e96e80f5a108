"""torch.compile with torchair's backend: the unmodified wheel's graph mode on ge::Session."""

import json
from pathlib import Path

import pytest

CLIENT = Path(__file__).with_name("client_torchair.py")


def cases_of(toolkit, *names):
    done = toolkit.anycann("run", "python3", CLIENT, *names, timeout=600)
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-2000:]
    wrong = [c for c in cases if c["error"]]
    report = "\n".join(f"{c['name']}, dynamic {c['dynamic']}: {c['error'][:600]}" for c in wrong)
    assert not wrong, report
    return cases


def test_models_compile_and_agree(toolkit):
    assert len(cases_of(toolkit, "mlp", "block", "images", "order")) == 9


@pytest.mark.slow
def test_functions_compile_and_agree(toolkit):
    assert len(cases_of(toolkit)) > 65
