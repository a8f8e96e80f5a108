"""Bad input from Python: an error with CANN's code and a sentence that helps, never a crash; and
the device works afterwards."""

import pytest
from running import succeeded

FAILS = """
import torch
a = torch.ones(3, 4).npu()
try:
    {call}
    torch.npu.synchronize()
except (RuntimeError, torch.OutOfMemoryError) as error:
    print(error)
else:
    raise SystemExit("no error")
assert (a + a).cpu().eq(2).all(), "the device does not work any more"
"""


@pytest.mark.parametrize("mode", ["0", "1", "2"])
@pytest.mark.parametrize(
    "call, words",
    [
        ("torch.add(a, a, out=a.view(-1)[:6].expand(3, 6)[:, :4])", ["aclnnAdd", "161002"]),
        ("torch.ones(2, dtype=torch.complex128).npu() * torch.ones(2).npu().abs_()", ["161002"]),
    ],
)
def test_operators(toolkit, call, words, mode):
    text = succeeded(toolkit.python(FAILS.format(call=call), TASK_QUEUE_ENABLE=mode))
    for word in words:
        assert word in text, text


def test_out_of_memory(toolkit):
    call = "torch.empty(1 << 40, dtype=torch.uint8, device='npu')"
    text = succeeded(toolkit.python(FAILS.format(call=call), ANYCANN_MEMORY="1G"))
    assert "out of memory" in text


def test_no_such_device(toolkit):
    text = succeeded(toolkit.python(FAILS.format(call="torch.ones(2).to('npu:5')")))
    assert "5" in text


def test_operators_that_are_not_there_say_so(toolkit):
    """No kernel of torch_npu and no fallback: the name is in the text."""
    call = "torch.ones(4, 4).npu().logdet()"
    variables = {"TORCH_NPU_FALLBACK_CPU_DISABLE": "1"}
    result = toolkit.python(FAILS.format(call=call), **variables)
    assert result.returncode >= 0
