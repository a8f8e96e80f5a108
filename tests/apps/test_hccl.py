"""torch.distributed with the backend hccl through the unmodified torch_npu: processes of one
machine, one virtual device each."""

import sys
from pathlib import Path

import pytest
from running import succeeded

CLIENT = Path(__file__).with_name("client_hccl.py")


def run(toolkit, ranks, *parts):
    launcher = [Path(sys.executable).with_name("torchrun"), "--standalone"]
    options = [f"--nproc_per_node={ranks}", CLIENT, *parts]
    # Threads of several ranks on few CPUs are in each other's way.
    text = succeeded(
        toolkit.anycann("run", "--devices", str(ranks), *launcher, *options, OMP_NUM_THREADS="1")
    )
    assert text.count("is done") == ranks, text
    return text


def test_two_ranks(toolkit):
    run(toolkit, 2, "reductions", "moves", "messages", "groups", "training")


@pytest.mark.slow
def test_four_ranks(toolkit):
    run(toolkit, 4, "reductions", "moves", "messages", "groups", "training")
