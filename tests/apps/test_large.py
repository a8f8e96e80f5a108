"""More elements than 32 bits can count, where the machine has the memory."""

import os

import pytest
from running import succeeded

COUNT = 2**31 + 11
CODE = f"""
import torch, torch_npu
a = torch.zeros({COUNT}, dtype=torch.int8, device="npu")
a[-3:] = 5
a += 2
print(a[-4:].cpu().tolist(), a[:2].cpu().tolist(), int((a == 7).sum()))
"""


@pytest.mark.slow
def test_more_than_two_to_the_31_elements(toolkit):
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if free < 12 << 30:
        pytest.skip(f"needs 12 GiB of free memory, there are {free >> 30}")
    out = succeeded(toolkit.python(CODE, timeout=600, ANYCANN_MEMORY="10G"))
    assert out.split("\n")[0] == "[2, 7, 7, 7] [2, 2] 3"
