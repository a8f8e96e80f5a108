"""Started by `anycann selftest` in the environment that it tests: the unmodified torch_npu wheel
computes a product and its gradient on npu:0 as torch does on the CPU. Exit code 77: no such client.
"""

import importlib.util
import signal
import sys

SECONDS = 300


def gradient(tensor):
    leaf = tensor.requires_grad_()
    (leaf @ leaf.t()).sum().backward()
    return leaf.grad


def main():
    if not all(importlib.util.find_spec(name) for name in ("torch", "torch_npu")):
        return 77
    signal.alarm(SECONDS)
    import torch
    import torch_npu  # noqa: F401 - also where torch does not load it by itself

    host = torch.arange(6.0).reshape(2, 3)
    if not torch.equal(gradient(host.npu()).cpu(), gradient(host.clone())):
        print("a gradient on npu:0 differs from the CPU's")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
