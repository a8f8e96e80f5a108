"""aclnn operators against PyTorch on the CPU with `out=`, in one process, same number of threads.

Both sides write into memory that is there already. Ours are called through ctypes on repeatable
executors, whose cost a call is about that of PyTorch's own Python binding. Prints torch / ours:
above 1 we are faster. Targets: 0.95 from 1 Mi elements, 0.8 at 50 Ki; with `functions`, which times
the functions of one argument in the same way at 50 Ki and 1 Mi, 1.5 in geometric mean.

usage: python3 bench/torch_elementwise.py TOOLKIT [THREADS] [functions [NAME ...]]
"""

import ctypes
import os
import statistics
import sys
import time

# PyTorch's name: smallest and largest argument; ours is the same with a capital unless given.
FUNCTIONS = {
    "abs": (-9, 9), "neg": (-9, 9), "sqrt": (0, 9), "rsqrt": (0.1, 9), "reciprocal": (0.1, 9),
    "floor": (-9, 9), "exp": (-9, 9), "exp2": (-9, 9), "expm1": (-9, 9), "log": (0, 9),
    "log2": (0, 9), "log10": (0, 9), "log1p": (-0.9, 9), "sin": (-9, 9), "cos": (-9, 9),
    "tan": (-9, 9), "asin": (-1, 1), "acos": (-1, 1), "atan": (-9, 9), "sinh": (-9, 9),
    "cosh": (-9, 9), "tanh": (-9, 9), "asinh": (-9, 9), "acosh": (1, 9), "atanh": (-1, 1),
    "sigmoid": (-9, 9), "erf": (-3, 3), "erfc": (-3, 3), "erfinv": (-1, 1), "lgamma": (-9, 9),
    "digamma": (-9, 9),
}  # fmt: skip
SIZES = {50 << 10: 400, 1 << 20: 30, 16 << 20: 2}
ROUNDS = 15
FLOAT, DOUBLE, BF16, ND = 0, 11, 27, 2


class Device:
    """Just enough of acl and aclnn."""

    def __init__(self, toolkit):
        lib = os.path.join(toolkit, "lib64")
        self.acl = ctypes.CDLL(f"{lib}/libascendcl.so")
        self.base = ctypes.CDLL(f"{lib}/libnnopbase.so")
        self.op = ctypes.CDLL(f"{lib}/libopapi.so")
        self.base.aclCreateTensor.restype = ctypes.c_void_p
        self.base.aclCreateScalar.restype = ctypes.c_void_p
        self.base.aclCreateIntArray.restype = ctypes.c_void_p
        self.acl.aclInit(None)
        self.acl.aclrtSetDevice(0)
        self.stream = ctypes.c_void_p()
        self.acl.aclrtCreateStream(ctypes.byref(self.stream))

    def memory(self, size):
        address = ctypes.c_void_p()
        assert self.acl.aclrtMalloc(ctypes.byref(address), ctypes.c_size_t(size), 0) == 0
        return address

    def tensor(self, address, count, dtype):
        dims = (ctypes.c_int64 * 1)(count)
        rank = 1 if count else 0
        return ctypes.c_void_p(
            self.base.aclCreateTensor(
                dims, ctypes.c_uint64(rank), dtype, None, ctypes.c_int64(0), ND, dims,
                ctypes.c_uint64(rank), address,
            )
        )  # fmt: skip

    def prepare(self, name, *arguments):
        """A function of no arguments that queues the operator and waits for it."""
        size, executor = ctypes.c_uint64(), ctypes.c_void_p()
        first = getattr(self.op, f"{name}GetWorkspaceSize")
        assert first(*arguments, ctypes.byref(size), ctypes.byref(executor)) == 0, name
        assert self.base.aclSetAclOpExecutorRepeatable(executor) == 0
        workspace = self.memory(size.value) if size.value else None
        second, wait = getattr(self.op, name), self.acl.aclrtSynchronizeStream

        def call():
            second(workspace, size, executor, self.stream)
            wait(self.stream)

        return call


def cases(device, torch, count):
    memory = [device.memory(4 * count) for _ in range(3)]
    a, b, c = (torch.rand(count) for _ in range(3))
    for address, tensor in zip(memory, (a, b), strict=False):
        ctypes.memmove(address, tensor.data_ptr(), 4 * count)
    x, y, z = (device.tensor(m, count, FLOAT) for m in memory)
    half, total = device.tensor(memory[2], count, BF16), device.tensor(memory[2], 0, FLOAT)
    h, t = torch.empty(count, dtype=torch.bfloat16), torch.empty(())
    alpha = ctypes.c_void_p(device.base.aclCreateScalar(ctypes.byref(ctypes.c_float(1)), FLOAT))
    dims = ctypes.c_void_p(
        device.base.aclCreateIntArray((ctypes.c_int64 * 1)(0), ctypes.c_uint64(1))
    )
    yield "add", lambda: torch.add(a, b, out=c), device.prepare("aclnnAdd", x, y, alpha, z)
    yield "mul", lambda: torch.mul(a, b, out=c), device.prepare("aclnnMul", x, y, z)
    yield "exp", lambda: torch.exp(a, out=c), device.prepare("aclnnExp", x, z)
    yield "cast bf16", lambda: h.copy_(a), device.prepare("aclnnCast", x, BF16, half)
    keep = ctypes.c_bool(False)
    yield (
        "sum",
        lambda: torch.sum(a, 0, out=t),
        device.prepare("aclnnReduceSum", x, dims, keep, FLOAT, total),
    )


def functions(device, torch, count, names, dtype):
    item = torch.tensor([], dtype=dtype).element_size()
    memory = [device.memory(item * count) for _ in range(2)]
    a, c = torch.empty(count, dtype=dtype), torch.empty(count, dtype=dtype)
    x, z = (device.tensor(m, count, {4: FLOAT, 8: DOUBLE}[item]) for m in memory)
    for name in names:
        a.uniform_(*FUNCTIONS[name])
        ctypes.memmove(memory[0], a.data_ptr(), item * count)
        try:
            ours = device.prepare(f"aclnn{name.capitalize()}", x, z)
        except AttributeError:
            print(f"{name:10s} absent")
            continue
        yield name, lambda name=name: getattr(torch, name)(a, out=c), ours


def seconds(call, repeat):
    time.sleep(0.01)  # the other side's threads stop spinning
    call()
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat


def measure(theirs, ours, repeat):
    rounds = [(seconds(theirs, repeat), seconds(ours, repeat)) for _ in range(ROUNDS + 2)][2:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def compare(name, count, threads, theirs, ours, repeat):
    torch_s, our_s = measure(theirs, ours, repeat)
    print(
        f"{name:10s} {count:9d} numbers, {threads} thread(s): torch/ours "
        f"{torch_s / our_s:.2f}  ({our_s * 1e6:.1f} us)",
        flush=True,
    )
    return torch_s / our_s


def main():
    toolkit, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    os.environ["ANYCANN_THREADS"] = str(threads)
    os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
    import torch

    torch.set_num_threads(threads)
    device = Device(toolkit)
    if len(sys.argv) <= 3:
        for count, repeat in SIZES.items():
            for name, theirs, ours in cases(device, torch, count):
                compare(name, count, threads, theirs, ours, repeat)
        return
    names = sys.argv[4:] or FUNCTIONS
    for dtype in torch.float32, torch.float64:
        for count, repeat in {50 << 10: 40, 1 << 20: 2}.items():
            ratios = [
                compare(name, count, threads, theirs, ours, repeat)
                for name, theirs, ours in functions(device, torch, count, names, dtype)
            ]
            print(f"{dtype}, {count}: geometric mean {statistics.geometric_mean(ratios):.2f}")


if __name__ == "__main__":
    main()
