"""The runtime under the unmodified torch_npu: client_runtime.py, part by part."""

import sys
from pathlib import Path

import pytest
from running import succeeded

CLIENT = Path(__file__).with_name("client_runtime.py")
IN_ONE_PROCESS = [
    "streams_and_events",
    "memory_used_by_another_stream_is_kept",
    "pinned_memory",
    "statistics_of_memory",
    "generators",
    "several_devices",
    "threads",
    "accelerator",
    "data_loader",
    "out_of_memory_and_after",
    "a_stopped_device_starts_again",
]


def run(toolkit, *parts, **variables):
    options = ["--devices", "2"]
    result = toolkit.anycann(
        "run", *options, sys.executable, CLIENT, *parts, ANYCANN_MEMORY="1G", **variables
    )
    assert [f"ok {part}" for part in parts] == succeeded(result).splitlines(), result.stderr
    return result


@pytest.fixture(scope="module", params=["", "memory"])
def checked(request):
    return {"ANYCANN_CHECK": request.param} if request.param else {}


def test_in_one_process(toolkit, checked):
    """With memory checked too: a client that makes no mistake is told of none."""
    result = run(toolkit, *IN_ONE_PROCESS, **checked)
    assert "anycann: check" not in result.stderr


def test_expandable_segments(toolkit):
    run(toolkit, "expandable_segments", PYTORCH_NPU_ALLOC_CONF="expandable_segments:True")


def test_tensors_of_two_processes(toolkit):
    run(toolkit, "tensors_of_two_processes")


def test_host_code_that_touches_device_memory_is_told(toolkit):
    code = "import ctypes, torch; a = torch.ones(9).npu(); ctypes.string_at(a.data_ptr(), 9)"
    result = toolkit.python(code, ANYCANN_CHECK="memory")
    assert "host code touches device memory" in result.stderr
    assert "allocated by aclrtMallocAlign32" in result.stderr
    assert result.returncode != 0
