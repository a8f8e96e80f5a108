"""Run by test_hccl.py, one process a rank: torch.distributed with the backend hccl, against what
the same calls must give on paper, and against training in one process."""

import os
import sys

import torch
import torch.distributed as dist
import torch_npu  # noqa: F401  registers npu and hccl

RANK, RANKS = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def npu(*values, dtype=torch.float32):
    return torch.tensor(values, dtype=dtype).npu()


def check(got, wanted):
    wanted = torch.as_tensor(wanted, dtype=got.dtype)
    assert torch.equal(got.cpu(), wanted), (RANK, got.cpu(), wanted)


def total(of):
    return sum(of(rank) for rank in range(RANKS))


def reductions():
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64):
        for numel in (1, 1000, 300_001):
            x = torch.full((numel,), RANK + 1, dtype=dtype).npu()
            dist.all_reduce(x)
            check(x, torch.full((numel,), total(lambda r: r + 1)))
    x = npu(RANK, -RANK)
    dist.all_reduce(x, dist.ReduceOp.MAX)
    check(x, [RANKS - 1, 0])
    x = npu(RANK, 1)
    dist.all_reduce(x, dist.ReduceOp.AVG)
    check(x, [(RANKS - 1) / 2, 1])
    x = npu(RANK + 1)
    dist.reduce(x, RANKS - 1)
    if RANK == RANKS - 1:
        check(x, [total(lambda r: r + 1)])


def moves():
    x = npu(RANK, 7)
    dist.broadcast(x, RANKS - 1)
    check(x, [RANKS - 1, 7])
    parts = [npu(0, 0) for _ in range(RANKS)]
    dist.all_gather(parts, npu(RANK, 5))
    check(torch.stack(parts), [[rank, 5] for rank in range(RANKS)])
    joined = torch.zeros(RANKS * 3).npu()
    dist.all_gather_into_tensor(joined, torch.full((3,), float(RANK)).npu())
    check(joined, [rank for rank in range(RANKS) for _ in range(3)])
    part = npu(0)
    dist.reduce_scatter_tensor(part, torch.arange(RANKS, dtype=torch.float32).npu())
    check(part, [RANK * RANKS])
    got = torch.zeros(RANKS).npu()
    dist.all_to_all_single(got, torch.arange(RANKS, dtype=torch.float32).npu() + 10 * RANK)
    check(got, [10 * rank + RANK for rank in range(RANKS)])
    counts = [rank + 1 for rank in range(RANKS)]
    got = torch.zeros(RANKS * (RANK + 1)).npu()
    sent = torch.full((sum(counts),), float(RANK)).npu()
    dist.all_to_all_single(got, sent, [RANK + 1] * RANKS, counts)
    check(got, [rank for rank in range(RANKS) for _ in range(RANK + 1)])
    dist.barrier()


def messages():
    x = npu(RANK, 3)
    if RANK == 0:
        dist.send(x, 1)
        dist.recv(x, 1)
        check(x, [1, 4])
    elif RANK == 1:
        got = npu(0, 0)
        dist.recv(got, 0)
        check(got, [0, 3])
        dist.send(npu(1, 4), 0)
    got, peer = npu(0, 0), (RANK + 1) % RANKS
    requests = [dist.P2POp(dist.isend, x, peer), dist.P2POp(dist.irecv, got, (RANK - 1) % RANKS)]
    for request in dist.batch_isend_irecv(requests):
        request.wait()
    objects = [None] * RANKS
    dist.all_gather_object(objects, {"rank": RANK})
    assert objects == [{"rank": rank} for rank in range(RANKS)]


def groups():
    group = dist.new_group([0])
    x = npu(RANK + 1)
    if RANK == 0:
        dist.all_reduce(x, group=group)
    check(x, [RANK + 1])


def train(parallel, steps=5):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.Tanh(), torch.nn.Linear(50, 3))
    model = model.npu()
    data, wanted = torch.randn(steps, 8 * RANKS, 20), torch.randn(steps, 8 * RANKS, 3)
    inner = model
    if parallel:
        model = torch.nn.parallel.DistributedDataParallel(model, device_ids=[RANK])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    mine = slice(RANK, None, RANKS) if parallel else slice(None)
    for x, y in zip(data, wanted, strict=True):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x[mine].npu()), y[mine].npu()).backward()
        optimizer.step()
    return [p.detach().cpu() for p in inner.parameters()]


def training():
    alone, together = train(False), train(True)
    for a, b in zip(alone, together, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-6)
    everyone = [None] * RANKS
    dist.all_gather_object(everyone, [p.tolist() for p in together])
    assert all(other == everyone[0] for other in everyone)


def main():
    torch.npu.set_device(RANK)
    dist.init_process_group("hccl")
    for part in sys.argv[1:]:
        globals()[part]()
    dist.destroy_process_group()
    print(f"rank {RANK} is done", flush=True)


main()
