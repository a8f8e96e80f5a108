"""ResNet-50 through torch_npu against torch on the CPU, one process, same threads: inference with
batch 1 and 8, and a training step (forward, backward, SGD) with batch 8. Strict f32.

usage: anycann run python3 bench/torch_resnet.py [THREADS]
"""

import os
import sys
import time

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
os.environ["ANYCANN_THREADS"] = str(THREADS)
import torch  # noqa: E402
import torch_npu  # noqa: E402, F401
from models import resnet50  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(THREADS)
torch.npu.conv.allow_hf32 = False
torch.npu.matmul.allow_hf32 = False
SECONDS = 6


def best(step, finish):
    step()
    finish()
    least, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        finish()
        least = min(least, time.perf_counter() - start)
    return least


def inference(model, x):
    model.eval()

    def step():
        with torch.no_grad():
            model(x)

    return step


def training(model, x, target):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(x), target).backward()
        optimizer.step()

    return step


def main():
    torch.manual_seed(0)
    here = resnet50()
    there = resnet50()
    there.load_state_dict(here.state_dict())
    there = there.npu()
    wait = torch.npu.synchronize
    for batch in (1, 8):
        x = torch.randn(batch, 3, 224, 224)
        with torch.no_grad():
            a, b = here.eval()(x), there.eval()(x.npu()).cpu()
        off = (a - b).abs().max() / a.abs().max()
        theirs, ours = best(inference(here, x), lambda: None), best(inference(there, x.npu()), wait)
        print(
            f"inference, batch {batch}: torch {theirs * 1e3:.0f} ms, ours {ours * 1e3:.0f} ms: "
            f"{theirs / ours:.2f} (outputs differ by {off:.1e})",
            flush=True,
        )
    x, target = torch.randn(8, 3, 224, 224), torch.randint(1000, (8,))
    theirs = best(training(here, x, target), lambda: None)
    ours = best(training(there, x.npu(), target.npu()), wait)
    print(
        f"step, batch 8: torch {theirs * 1e3:.0f} ms, ours {ours * 1e3:.0f} ms: {theirs / ours:.2f}"
    )


main()
