"""AllReduce of torch.distributed between two processes: ours (backend hccl on npu) against Gloo.

Each figure is the time of a call when several are queued one behind the other, as hccl_test has it:
the median of rounds in which the two take turns. Prints gloo / ours (above 1 we are faster).

usage: anycann run --devices 2 python3 bench/torch_collectives.py [--ranks N] [--rounds N]
"""

import argparse
import os
import socket
import statistics
import sys
import time

SIZES = [8, 1 << 10, 16 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20]


def calls_of(size):
    return max(2, min(200, (8 << 20) // size))


def measure(dist, call, size):
    dist.barrier()
    start = time.perf_counter()
    call(calls_of(size))
    return (time.perf_counter() - start) / calls_of(size) * 1e6


def run(rank, ranks, port, rounds):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    import torch
    import torch.distributed as dist
    import torch_npu  # noqa: F401

    torch.set_num_threads(1)
    torch.npu.set_device(rank)
    dist.init_process_group("hccl", rank=rank, world_size=ranks)
    gloo = dist.new_group(backend="gloo")
    for size in SIZES:
        on_cpu = torch.ones(size // 4)
        on_npu = on_cpu.npu()

        def ours(count, x=on_npu):
            for _ in range(count):
                dist.all_reduce(x, dist.ReduceOp.MAX)
            torch.npu.synchronize()

        def theirs(count, x=on_cpu):
            for _ in range(count):
                dist.all_reduce(x, dist.ReduceOp.MAX, group=gloo)

        sides = [ours, theirs]
        times = {ours: [], theirs: []}
        for side in sides:
            side(2)
        for _ in range(rounds):
            sides.reverse()
            for side in sides:
                times[side].append(measure(dist, side, size))
        mine, other = (statistics.median(times[side]) for side in (ours, theirs))
        if rank == 0:
            line = f"{size:>9} B  ours {mine:10.1f} us  gloo {other:10.1f} us"
            print(f"{line}  gloo/ours {other / mine:6.2f}", flush=True)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    import torch.multiprocessing as processes

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    processes.spawn(run, (options.ranks, port, options.rounds), nprocs=options.ranks)


if __name__ == "__main__":
    sys.exit(main())
