"""Run by test_hccl.py, one process a rank: torch.distributed with the backend hccl, against what
the same calls must give on paper, and against training in one process."""

import os
import signal
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist
import torch_npu  # noqa: F401  registers npu and hccl
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

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


def lists():
    parts = [npu(0, 0) for _ in range(RANKS)]
    dist.gather(npu(RANK, 2), parts if RANK == 0 else None, 0)
    if RANK == 0:
        check(torch.stack(parts), [[rank, 2] for rank in range(RANKS)])
    part = npu(0)
    dist.scatter(part, [npu(5 * rank) for rank in range(RANKS)] if RANK == 1 else None, 1)
    check(part, [5 * RANK])
    uneven = [torch.zeros(rank + 1).npu() for rank in range(RANKS)]
    dist.all_gather(uneven, torch.full((RANK + 1,), float(RANK)).npu())
    for rank, got in enumerate(uneven):
        check(got, [rank] * (rank + 1))
    dist.reduce_scatter(part, [npu(rank + 1) for rank in range(RANKS)])
    check(part, [RANKS * (RANK + 1)])
    got = [npu(0) for _ in range(RANKS)]
    dist.all_to_all(got, [npu(10 * RANK + rank) for rank in range(RANKS)])
    check(torch.cat(got), [10 * rank + RANK for rank in range(RANKS)])
    several = [npu(RANK, i) for i in range(3)]
    with dist._coalescing_manager(device=torch.device("npu", RANK), async_ops=True) as manager:
        for x in several:
            dist.all_reduce(x)
    manager.wait()
    check(torch.stack(several), [[total(lambda r: r), RANKS * i] for i in range(3)])


def objects():
    everyone = [None] * RANKS
    dist.all_gather_object(everyone, {"rank": RANK, "long": [RANK] * RANK})
    assert everyone == [{"rank": rank, "long": [rank] * rank} for rank in range(RANKS)]
    box = [{"from": 0}, "b"] if RANK == 0 else [None, None]
    dist.broadcast_object_list(box, 0)
    assert box == [{"from": 0}, "b"]
    out = [None]
    dist.scatter_object_list(out, [{"to": r} for r in range(RANKS)] if RANK == 0 else None, 0)
    assert out == [{"to": RANK}]
    gathered = [None] * RANKS if RANK == 0 else None
    dist.gather_object(RANK, gathered, 0)
    assert RANK != 0 or gathered == list(range(RANKS))


def groups():
    group = dist.new_group([0])
    x = npu(RANK + 1)
    if RANK == 0:
        dist.all_reduce(x, group=group)
    check(x, [RANK + 1])
    # Groups that overlap, in another order of ranks, each used by its members only.
    pairs = [dist.new_group(sorted([i, (i + 1) % RANKS])) for i in range(RANKS)]
    for i, pair in enumerate(pairs):
        if dist.get_rank(pair) >= 0:
            x = npu(RANK)
            dist.all_reduce(x, group=pair)
            check(x, [i + (i + 1) % RANKS])
    own, _ = dist.new_subgroups(1)
    x = npu(RANK)
    dist.all_reduce(x, group=own)
    check(x, [RANK])
    hosts = dist.new_group(backend="gloo")
    dist.monitored_barrier(hosts, timeout=timedelta(seconds=60))


def tensors():
    """DTensor: shards and replicas over a mesh of all ranks."""
    mesh = init_device_mesh("npu", (RANKS,))
    whole = torch.arange(24.0).reshape(8, 3)
    sharded = distribute_tensor(whole.npu(), mesh, [Shard(0)])
    check(sharded.to_local(), whole.chunk(RANKS)[RANK])
    check((sharded * 2).full_tensor(), whole * 2)
    check(sharded.sum().full_tensor(), whole.sum())
    turned = sharded.redistribute(mesh, [Shard(1)])
    check(turned.redistribute(mesh, [Replicate()]).to_local(), whole)


def alone(model):
    return model


def replicated(model):
    return torch.nn.parallel.DistributedDataParallel(model, device_ids=[RANK])


def flat_shards(model):
    device = torch.device("npu", RANK)
    return FullyShardedDataParallel(model, device_id=device, use_orig_params=True)


def shards(model):
    for layer in (model[0], model[2]):
        fully_shard(layer)
    return fully_shard(model) or model


def parameters(model):
    if isinstance(model, FullyShardedDataParallel):
        with FullyShardedDataParallel.summon_full_params(model):
            return [p.detach().cpu().clone() for p in model.parameters()]
    whole = [p.full_tensor() if isinstance(p, DTensor) else p for p in model.parameters()]
    return [p.detach().cpu() for p in whole]


def train(wrap, steps=5):
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(20, 50), torch.nn.Tanh(), torch.nn.Linear(50, 3))
    model = wrap(model.npu())
    data, wanted = torch.randn(steps, 8 * RANKS, 20), torch.randn(steps, 8 * RANKS, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    mine = slice(None) if wrap is alone else slice(RANK, None, RANKS)
    for x, y in zip(data, wanted, strict=True):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x[mine].npu()), y[mine].npu()).backward()
        optimizer.step()
    return parameters(model)


def same_as_alone(wrap):
    for a, b in zip(train(alone), train(wrap), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-6)


def training():
    same_as_alone(replicated)
    everyone = [None] * RANKS
    dist.all_gather_object(everyone, [p.tolist() for p in train(replicated)])
    assert all(other == everyone[0] for other in everyone)


def sharded_training():
    same_as_alone(flat_shards)
    same_as_alone(shards)


def dies():
    """Rank 1 is killed in the middle; the others' next call fails, soon, and names it."""
    x = npu(1)
    dist.all_reduce(x)
    torch.npu.synchronize()
    if RANK == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    expect_failure(x, "which is rank 1 on device 1, has ended")


def hangs():
    """Rank 1 does not call; with HCCL_EXEC_TIMEOUT=5 the others are told so."""
    x = npu(1)
    dist.all_reduce(x)
    torch.npu.synchronize()
    if RANK == 1:
        time.sleep(600)
    expect_failure(x, "waited 5 s for rank 1")


def watched():
    """Rank 1 does not call in a group with a time-out: torch_npu's watchdog ends the others."""
    group = dist.new_group(timeout=timedelta(seconds=3))
    x = npu(1)
    dist.all_reduce(x, group=group)
    torch.npu.synchronize()
    if RANK != 1:
        dist.all_reduce(x, group=group)
    time.sleep(600)


def expect_failure(x, words):
    begun = time.monotonic()
    try:
        dist.all_reduce(x)
        torch.npu.synchronize()
    except RuntimeError as error:
        assert words in str(error), error
        print(f"rank {RANK} is done after {time.monotonic() - begun:.2f} s", flush=True)
        os._exit(0)
    raise AssertionError("no error")


def main():
    torch.npu.set_device(RANK)
    dist.init_process_group("hccl")
    for part in sys.argv[1:]:
        globals()[part]()
    dist.destroy_process_group()
    print(f"rank {RANK} is done", flush=True)


main()
