"""torch.distributed with the backend hccl through the unmodified torch_npu: processes of one
machine, one virtual device each."""

import json
import signal
import socket
import sys
from pathlib import Path

import pytest
from running import succeeded

CLIENT = Path(__file__).with_name("client_hccl.py")
CALLS = ("reductions", "moves", "messages", "lists", "objects", "groups")


def run(toolkit, ranks, *parts, **variables):
    launcher = [Path(sys.executable).with_name("torchrun"), "--standalone"]
    options = [f"--nproc_per_node={ranks}", CLIENT, *parts]
    # Threads of several ranks on few CPUs are in each other's way.
    variables = {"OMP_NUM_THREADS": "1"} | variables
    text = succeeded(
        toolkit.anycann("run", "--devices", str(ranks), *launcher, *options, **variables)
    )
    assert text.count("is done") == ranks, text
    return text


def start(toolkit, ranks, *parts, **variables):
    """Without torchrun, which ends all when one has ended, and without torch_npu's watchdog, which
    ends its process when a communicator has failed, unless |variables| say so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(ranks)}
    common |= {"OMP_NUM_THREADS": "1", "TORCH_HCCL_ASYNC_ERROR_HANDLING": "0"} | variables
    command = (toolkit.command, "run", "--devices", str(ranks), "python3", CLIENT, *parts)
    return [toolkit.start(*command, RANK=str(rank), **common) for rank in range(ranks)]


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return out, err


def test_two_ranks(toolkit):
    run(toolkit, 2, *CALLS, "tensors", "training", "sharded_training")


@pytest.mark.slow
def test_four_ranks(toolkit):
    run(toolkit, 4, *CALLS, "tensors", "training", "sharded_training")


def test_rank_table(toolkit, tmp_path):
    """The world comes from the table, groups from the world."""
    devices = [{"device_id": str(i), "rank_id": str(i)} for i in range(2)]
    servers = [{"server_id": "here", "device": devices}]
    table = {"status": "completed", "version": "1.0", "server_count": "1", "server_list": servers}
    path = tmp_path / "ranks.json"
    path.write_text(json.dumps(table))
    run(toolkit, 2, *CALLS, RANK_TABLE_FILE=str(path))


@pytest.mark.slow
def test_expandable_segments(toolkit):
    """Tensors lie in memory of aclrtMapMem."""
    run(toolkit, 2, *CALLS, PYTORCH_NPU_ALLOC_CONF="expandable_segments:True")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["memory", "streams"])
def test_no_false_findings(toolkit, what):
    run(toolkit, 2, *CALLS, "training", ANYCANN_CHECK=what)
    assert toolkit.anycann("report", "last").stdout.count("ANYCANN_CHECK") == 0


def test_a_killed_rank_ends_the_others(toolkit):
    processes = start(toolkit, 3, "dies")
    for rank in (0, 2):
        assert "is done after" in finish(processes[rank])[0]
    assert processes[1].wait(60) != 0


def test_a_rank_that_does_not_come(toolkit):
    """hccl-why says which while the others wait, and so does the wait's end."""
    first, second = start(toolkit, 2, "hangs", HCCL_EXEC_TIMEOUT="5")
    while first.poll() is None:
        asked = toolkit.anycann("hccl-why", str(first.pid))
        if "waits for rank 1" in asked.stdout:
            break
    cause = f"all wait for rank 1 (process {second.pid}), which has not made the call"
    assert cause in asked.stdout and asked.returncode == 1, asked
    out, err = finish(first)
    assert "is done after" in out
    assert cause in err, err
    second.kill()
    second.communicate(timeout=60)
    assert toolkit.anycann("hccl-why", str(first.pid)).returncode == 3
    assert toolkit.anycann("hccl-why", "me").returncode == 2


@pytest.mark.slow
def test_time_outs_of_groups(toolkit):
    first, second = start(toolkit, 2, "watched", TORCH_HCCL_ASYNC_ERROR_HANDLING="1")
    _, err = first.communicate(timeout=120)
    assert "Watchdog caught collective operation timeout" in err, err
    assert first.returncode == -signal.SIGABRT
    second.kill()
    second.communicate(timeout=60)
