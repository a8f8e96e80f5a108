"""The main job: examples/torch_train on npu:0 and on the CPU, from the same random numbers."""

import re
import sys

import pytest
from running import succeeded


def numbers(text):
    losses = [float(x) for x in re.findall(r"loss (\S+)", text)]
    accuracy = float(re.search(r"accuracy (\S+)", text)[1])
    return losses, accuracy


def train(toolkit, repository, *options, **variables):
    script = repository / "examples" / "torch_train" / "train.py"
    result = toolkit.anycann("run", sys.executable, script, *options, **variables)
    return succeeded(result)


@pytest.fixture(scope="module")
def on_cpu(toolkit, repository):
    return numbers(train(toolkit, repository, "--device", "cpu"))


@pytest.fixture(scope="module")
def on_npu(toolkit, repository):
    return train(toolkit, repository)


def test_losses_agree_with_the_cpu(on_cpu, on_npu):
    losses, accuracy = numbers(on_npu)
    assert len(losses) == len(on_cpu[0]) == 10
    assert all(abs(a - b) < 1e-4 for a, b in zip(losses, on_cpu[0], strict=True))
    assert abs(accuracy - on_cpu[1]) < 0.005


def test_it_learns(on_npu):
    losses, accuracy = numbers(on_npu)
    assert all(b < a for a, b in zip(losses, losses[1:], strict=False))
    assert accuracy > 0.9


def test_it_says_where_and_what_it_ran(on_npu):
    assert "npu:0: Ascend910B1" in on_npu
    counts = dict(re.findall(r"^(\w+) +(\d+) ", on_npu, re.MULTILINE))
    for operator in ("aclnnAddmm", "aclnnRelu", "aclnnLogSoftmax"):
        assert int(counts[operator]) > 200, counts
    assert "not supported" not in on_npu


@pytest.mark.parametrize("mode", ["0", "1", "2"])
def test_task_queue_modes(toolkit, repository, on_npu, mode):
    """Phase 1 and phase 2 on one thread, on two, both on the queue's: the same numbers."""
    text = train(toolkit, repository, "--epochs", "2", TASK_QUEUE_ENABLE=mode)
    assert numbers(text)[0] == numbers(on_npu)[0][:2]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_results_do_not_depend_on_threads(toolkit, repository, on_npu, threads):
    text = train(toolkit, repository, "--epochs", "2", ANYCANN_THREADS=threads)
    assert numbers(text)[0] == numbers(on_npu)[0][:2]


def test_blocking_launches(toolkit, repository, on_npu):
    text = train(toolkit, repository, "--epochs", "1", ASCEND_LAUNCH_BLOCKING="1")
    assert numbers(text)[0] == numbers(on_npu)[0][:1]
