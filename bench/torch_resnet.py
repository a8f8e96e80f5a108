"""ResNet-50 through torch_npu against torch on the CPU, one process, same threads, taking turns:
inference with batch 1 and 8, and a training step (forward, backward, SGD) with batch 8. Strict f32.
Then the peak memory of that step net of what imports take, each side in a process of its own.

usage: anycann run python3 bench/torch_resnet.py [THREADS]
"""

import os
import subprocess
import sys
import time

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
MEMORY_OF = sys.argv[2] if len(sys.argv) > 2 else None  # "cpu" or "npu": that process
os.environ["ANYCANN_THREADS"] = str(THREADS)
import torch  # noqa: E402

if MEMORY_OF != "cpu":
    import torch_npu  # noqa: E402, F401
from models import resnet50  # noqa: E402
from torch import nn  # noqa: E402

torch.set_num_threads(THREADS)
if MEMORY_OF != "cpu":
    torch.npu.conv.allow_hf32 = False
    torch.npu.matmul.allow_hf32 = False
SECONDS = 12
WARM_UP = 3  # both sides' allocators have found their sizes by then


def best(*sides):
    """The least seconds of each side's step, which take turns."""
    for step in sides:
        for _ in range(WARM_UP):
            step()
    least, end = [float("inf")] * len(sides), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for i, step in enumerate(sides):
            start = time.perf_counter()
            step()
            least[i] = min(least[i], time.perf_counter() - start)
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


def waiting(step):
    def both():
        step()
        torch.npu.synchronize()

    return both


def batch_of_8():
    return torch.randn(8, 3, 224, 224), torch.randint(1000, (8,))


def status(field):
    """Bytes of a field of /proc/self/status."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measure_memory():
    device = torch.device(MEMORY_OF)
    torch.zeros(1, device=device).add_(1).cpu()  # the client's own set-up counts as its import
    before = status("VmRSS")
    x, target = batch_of_8()
    step = training(resnet50().to(device), x.to(device), target.to(device))
    for _ in range(WARM_UP):
        step()
        if MEMORY_OF == "npu":
            torch.npu.synchronize()
    print(status("VmHWM") - before)


def peak_memory(side):
    words = [sys.executable, __file__, str(THREADS), side]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[-1])


def main():
    torch.manual_seed(0)
    here = resnet50()
    there = resnet50()
    there.load_state_dict(here.state_dict())
    there = there.npu()
    for batch in (1, 8):
        x = torch.randn(batch, 3, 224, 224)
        with torch.no_grad():
            a, b = here.eval()(x), there.eval()(x.npu()).cpu()
        off = (a - b).abs().max() / a.abs().max()
        theirs, ours = best(inference(here, x), waiting(inference(there, x.npu())))
        print(
            f"inference, batch {batch}: torch {theirs * 1e3:.0f} ms, ours {ours * 1e3:.0f} ms: "
            f"{theirs / ours:.2f} (outputs differ by {off:.1e})",
            flush=True,
        )
    x, target = batch_of_8()
    theirs, ours = best(training(here, x, target), waiting(training(there, x.npu(), target.npu())))
    print(
        f"step, batch 8: torch {theirs * 1e3:.0f} ms, ours {ours * 1e3:.0f} ms: "
        f"{theirs / ours:.2f}",
        flush=True,
    )
    theirs, ours = peak_memory("cpu"), peak_memory("npu")
    print(
        f"peak memory of the step: torch {theirs >> 20} MiB, ours {ours >> 20} MiB: ours/torch "
        f"{ours / theirs:.2f} (at most 1.15)"
    )


measure_memory() if MEMORY_OF else main()
