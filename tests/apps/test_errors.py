"""Bad input from Python: an error with CANN's code and a sentence that helps, never a crash; and
the device works afterwards."""

import pytest
from running import succeeded

FAILS = """
import torch
a = torch.ones(3, 4).npu()
for call in {calls!r}:
    try:
        exec(call)
        torch.npu.synchronize()
    except (RuntimeError, torch.OutOfMemoryError) as error:
        print(error)
    else:
        raise SystemExit("no error from " + call)
assert (a + a).cpu().eq(2).all(), "the device does not work any more"
"""


def errors_of(toolkit, *calls, **variables):
    return succeeded(toolkit.python(FAILS.format(calls=calls), **variables))


@pytest.mark.parametrize("mode", ["0", "1", "2"])
def test_arguments_are_refused_in_the_first_phase(toolkit, mode):
    wide = "torch.ones(2, dtype=torch.complex128).npu() * torch.ones(2).npu()"
    result = toolkit.python(FAILS.format(calls=(wide,)), TASK_QUEUE_ENABLE=mode)
    text = result.stdout + result.stderr
    for word in ("aclnnMul", "161002", "c128", "expected one of"):
        assert word in text, text
    if mode != "2":  # there phase 1 is in the client's queue, which an error ends for good
        succeeded(result)


def test_out_of_memory(toolkit):
    call = "torch.empty(1 << 40, dtype=torch.uint8, device='npu')"
    assert "out of memory" in errors_of(toolkit, call, ANYCANN_MEMORY="1G")


def test_no_such_device(toolkit):
    assert "npu:5" in errors_of(toolkit, "torch.ones(2).to('npu:5')").replace("device 5", "npu:5")


def test_an_operator_that_is_not_there_is_named(toolkit):
    """Neither aclnn nor aclop has it, and the client may not fall back to the CPU."""
    text = errors_of(
        toolkit, "torch.linalg.det(torch.ones(4, 4).npu())", TORCH_NPU_FALLBACK_CPU_DISABLE="1"
    )
    assert "linalg" in text or "det" in text, text
