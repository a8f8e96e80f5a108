"""torch.npu graphs on the unmodified wheel, and ANYCANN_CHECK=streams on programs of it."""

import json
from pathlib import Path

import pytest
from running import succeeded

CLIENT = Path(__file__).with_name("client_graphs.py")
FINDING = "anycann: ANYCANN_CHECK=streams"


@pytest.fixture(scope="module")
def graphs(toolkit):
    """Also checked: none of it touches memory in an order that nothing makes sure of."""
    return toolkit.anycann("run", "python3", CLIENT, ANYCANN_CHECK="streams")


def test_replays_equal_eager_work(graphs):
    succeeded(graphs)
    cases = [json.loads(line) for line in graphs.stdout.splitlines() if line.startswith("{")]
    assert len(cases) == 10
    wrong = "\n".join(f"{case['case']}: {case['error']}" for case in cases if case["error"])
    assert not wrong, wrong


def test_ordered_programs_have_no_findings(graphs):
    assert FINDING not in graphs.stderr


UNORDERED = """
import torch, torch_npu
x = torch.zeros(1 << 20, device="npu")
side = torch.npu.Stream()
torch.npu.synchronize()
y = x + 1
with torch.npu.stream(side):
    z = y * 2
torch.npu.synchronize()
"""


def test_a_missing_wait_is_named(toolkit):
    done = toolkit.python(UNORDERED, ANYCANN_CHECK="streams")
    succeeded(done)
    for words in (FINDING, "aclnnAdds (stream", "aclnnMuls (stream", "aclrtStreamWaitEvent"):
        assert words in done.stderr


def test_training_has_no_findings(toolkit, repository):
    script = repository / "examples" / "torch_train" / "train.py"
    done = toolkit.anycann("run", "python3", script, "--epochs", "1", ANYCANN_CHECK="streams")
    succeeded(done)
    assert FINDING not in done.stderr
