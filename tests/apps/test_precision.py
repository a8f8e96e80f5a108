"""Precision modes: what a client allows (HF32 for products and convolutions, any cubeMathType)
never makes results depend on the number of threads, and never costs more than it allows; strict f32
stays f32, and modes that are none are refused."""

import json

import pytest
from running import succeeded

PRODUCTS = """
import hashlib, json
import torch, torch_npu
torch.manual_seed(0)
allowed = {allowed}
torch.npu.matmul.allow_hf32 = torch.npu.conv.allow_hf32 = allowed
a, b = torch.randn(65, 513), torch.randn(513, 301)
x, w = torch.randn(2, 17, 30, 29), torch.randn(24, 17, 3, 3, requires_grad=True)
bytes_of, worst = hashlib.sha256(), 0.0
def take(got, exact):
    global worst
    got = got.detach().cpu()
    bytes_of.update(got.numpy().tobytes())
    worst = max(worst, ((got.double() - exact).abs().max() / exact.abs().max()).item())
take(a.npu() @ b.npu(), a.double() @ b.double())
there = w.detach().npu().requires_grad_()
y = torch.conv2d(x.npu(), there, padding=1)
exact_w = w.detach().double().requires_grad_()
exact = torch.conv2d(x.double(), exact_w, padding=1)
take(y, exact.detach())
incoming = torch.randn(y.shape)
y.backward(incoming.npu())
exact.backward(incoming.double())
take(there.grad, exact_w.grad)
print(json.dumps([bytes_of.hexdigest(), worst]))
"""


@pytest.mark.parametrize("allowed", [False, True])
def test_threads_do_not_matter_and_errors_stay_small(toolkit, allowed):
    results = []
    for threads in ("1", "2"):
        done = toolkit.python(PRODUCTS.format(allowed=allowed), ANYCANN_THREADS=threads)
        succeeded(done)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    assert results[0] == results[1]
    # f32 rounds to 6e-8; HF32's 11 bits would allow 5e-4, products of split bf16 make 1e-5 at most.
    assert results[0][1] < (1e-5 if allowed else 2e-6), results


MODES = """
import torch, torch_npu
a, b = torch.randn(4, 5), torch.randn(5, 3)
exact = a.double() @ b.double()
modes = torch_npu.npu.CubeMathType
for mode in (modes.KEEP_DTYPE, modes.ALLOW_FP32_DOWN_PRECISION, modes.USE_FP16, modes.USE_HF32):
    torch_npu.npu.matmul.cube_math_type = mode
    off = ((a.npu() @ b.npu()).cpu().double() - exact).abs().max().item()
    assert off < 1e-5, (mode, off)
    print(mode)
torch_npu.npu.matmul.cube_math_type = modes.USE_FP16
try:
    (a.bfloat16().npu() @ b.bfloat16().npu()).cpu()
except RuntimeError as error:
    print(error)
else:
    raise SystemExit("bf16 numbers went through f16")
"""


def test_each_cube_math_type(toolkit):
    done = toolkit.python(MODES)
    if "has no attribute 'CubeMathType'" in done.stderr:
        pytest.skip("this client does not choose cubeMathType by hand")
    succeeded(done)
    text = done.stdout + done.stderr
    for word in ("161002", "cubeMathType is 2", "bf16"):
        assert word in text, text
