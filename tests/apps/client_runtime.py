"""What torch_npu asks of the runtime, each part a function. `python client_runtime.py PART...` runs
the parts and prints `ok NAME` for each; called by test_runtime.py."""

import sys
import threading

import torch
import torch_npu  # noqa: F401

npu = torch.npu


def streams_and_events():
    side = npu.Stream(priority=-1)
    first, last = npu.Event(enable_timing=True), npu.Event(enable_timing=True)
    a = torch.ones(1 << 20, device="npu")
    side.wait_stream(npu.current_stream())
    with npu.stream(side):
        first.record()
        b = a * 3
        for _ in range(20):
            b = b + 1
        last.record()
    npu.current_stream().wait_event(last)
    c = b + 1
    last.synchronize()
    assert last.query() and c[0].item() == 24
    assert first.elapsed_time(last) > 0
    side.synchronize()
    assert side.query() and npu.current_stream() != side


def memory_used_by_another_stream_is_kept():
    a = torch.full((1 << 18,), 2.0, device="npu")
    side = npu.Stream()
    side.wait_stream(npu.current_stream())
    with npu.stream(side):
        for _ in range(10):
            b = a + 1
        a.record_stream(side)
    del a
    torch.zeros(1 << 18, device="npu")  # must not get that memory yet
    side.synchronize()
    assert torch.all(b.cpu() == 3)


def pinned_memory():
    host = torch.randn(1000, 1000).pin_memory()
    assert host.is_pinned() and not torch.randn(3).is_pinned()
    device = host.to("npu", non_blocking=True)
    back = torch.empty(1000, 1000, pin_memory=True)
    back.copy_(device, non_blocking=True)
    npu.synchronize()
    assert torch.equal(back, host)


def statistics_of_memory():
    npu.empty_cache()
    npu.reset_peak_memory_stats()
    before = npu.memory_allocated()
    x = torch.empty(1 << 20, device="npu")
    now = npu.memory_allocated()
    assert now - before >= 4 << 20
    del x
    assert npu.memory_allocated() == before
    assert npu.max_memory_allocated() >= now and npu.memory_reserved() >= now
    assert npu.memory_stats()["allocation.all.allocated"] > 0
    assert any(segment["device"] == 0 for segment in npu.memory_snapshot())
    assert "Active memory" in npu.memory_summary()
    free, total = npu.mem_get_info()
    assert 0 < free < total == 1 << 30
    reserved = npu.memory_reserved()
    npu.empty_cache()
    assert npu.mem_get_info()[0] - free == reserved - npu.memory_reserved()


def out_of_memory_and_after():
    keep = torch.ones(1 << 18, device="npu")
    try:
        torch.empty(1 << 30, device="npu")
        raise AssertionError("4 GiB of 1 GiB")
    except torch.OutOfMemoryError as error:
        assert "Tried to allocate 4.00 GiB" in str(error) and "1024.00 MiB total" in str(error)
    blocks = []
    try:
        while True:
            blocks.append(torch.empty(1 << 24, device="npu"))
    except torch.OutOfMemoryError:
        pass
    assert 10 <= len(blocks) <= 15
    blocks.clear()
    again = torch.full((1 << 24,), 2.0, device="npu")
    assert (again + keep[0]).sum().item() == 3 * (1 << 24)
    del again
    npu.empty_cache()
    npu.set_per_process_memory_fraction(0.1)
    try:
        torch.empty(1 << 26, device="npu")
        raise AssertionError("256 MiB of 102")
    except torch.OutOfMemoryError:
        pass
    npu.set_per_process_memory_fraction(1.0)
    torch.empty(1 << 26, device="npu")
    npu.empty_cache()


def generators():
    npu.manual_seed(5)
    a, state = torch.rand(100, device="npu"), npu.get_rng_state()
    b = torch.rand(100, device="npu")
    npu.set_rng_state(state)
    assert torch.equal(b.cpu(), torch.rand(100, device="npu").cpu())
    npu.manual_seed(5)
    assert torch.equal(a.cpu(), torch.rand(100, device="npu").cpu())
    own = torch.Generator(device="npu").manual_seed(9)
    torch.randn(50, device="npu", generator=own)
    state = own.get_state()
    x = torch.randn(50, device="npu", generator=own)
    own.set_state(state)
    assert torch.equal(x.cpu(), torch.randn(50, device="npu", generator=own).cpu())
    assert own.initial_seed() == 9
    state = npu.get_rng_state()
    with torch.random.fork_rng(devices=[0], device_type="npu"):
        torch.rand(3, device="npu")
    assert torch.equal(state, npu.get_rng_state())


def several_devices():
    assert npu.device_count() == 2
    a = torch.arange(1000.0, device="npu:0")
    b = a.to("npu:1")
    assert b.device.index == 1 and torch.equal((b * 2).to("npu:0").cpu(), torch.arange(1000.0) * 2)
    with npu.device(1):
        assert npu.current_device() == 1 and torch.ones(5, device="npu").device.index == 1
    assert npu.current_device() == 0
    event, other = npu.Event(), npu.Stream(device=1)
    with npu.stream(other):
        c = b + 1
        event.record()
    npu.current_stream(0).wait_event(event)
    a.copy_(c, non_blocking=True)
    npu.synchronize(0)
    assert torch.equal(a.cpu(), torch.arange(1000.0) + 1)
    try:
        torch.ones(3, device="npu:2")
        raise AssertionError("there is no such device")
    except RuntimeError:
        pass


def threads():
    sums = {}

    def work(i):
        npu.set_device(i % 2)
        with npu.stream(npu.Stream()) as _:
            a = torch.full((100, 100), float(i), device="npu")
            for _ in range(50):
                a = a + 1
            sums[i] = a.sum().item()

    all_of_them = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in all_of_them:
        thread.start()
    for thread in all_of_them:
        thread.join()
    assert sums == {i: (i + 50) * 10000.0 for i in range(4)}


def accelerator():
    every = torch.accelerator
    assert every.is_available() and every.current_accelerator().type == "npu"
    assert every.device_count() == 2
    every.set_device_index(1)
    assert every.current_device_index() == 1 == npu.current_device()
    every.set_device_index(0)
    stream, event = torch.Stream(device="npu"), torch.Event(device="npu")
    every.set_stream(every.current_stream())
    stream.record_event(event)
    event.synchronize()
    every.synchronize()


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, i):
        return torch.full((8,), float(i))


def data_loader():
    """Workers are forks of a process that has devices open."""
    loader = torch.utils.data.DataLoader(Numbers(), batch_size=8, num_workers=2, pin_memory=True)
    total = 0
    for batch in loader:
        assert batch.is_pinned()
        total += batch.to("npu", non_blocking=True).sum().item()
    assert total == sum(range(32)) * 8


def expandable_segments():
    assert torch.ones(3).pin_memory().is_pinned()  # reads the settings before a device is set
    many = [torch.full((1 << 20,), float(i), device="npu") for i in range(20)]
    assert all(x[5].item() == i for i, x in enumerate(many))
    assert all(segment["is_expandable"] for segment in npu.memory_snapshot())
    reserved = npu.memory_reserved()
    del many[3:15]
    npu.empty_cache()
    assert npu.memory_reserved() < reserved
    assert torch.ones(5 << 20, device="npu").sum().item() == 5 << 20
    assert many[2][0].item() == 2 and many[3][0].item() == 15


def a_stopped_device_starts_again():
    a = torch.ones(1000, device="npu")
    npu.synchronize()  # else stopping the device drops what fills |a|
    npu.stop_device(0)
    try:
        a + 1
        npu.synchronize()
        raise AssertionError("the device is stopped")
    except RuntimeError as error:
        assert "FORCE STOP" in str(error)
    npu.restart_device(0)
    assert (a + 1).sum().item() == 2000


def double_it(tensors, answers):
    tensor, event = tensors.get()
    npu.Event.from_ipc_handle(tensor.device, event).wait()
    answers.put((tensor.device.type, tensor[:3].cpu().tolist()))
    tensor.mul_(2)
    npu.synchronize()
    del tensor
    answers.put("done")


def tensors_of_two_processes():
    import torch.multiprocessing
    import torch_npu.multiprocessing.reductions  # noqa: F401

    spawn = torch.multiprocessing.get_context("spawn")
    tensors, answers = spawn.Queue(), spawn.Queue()
    child = spawn.Process(target=double_it, args=(tensors, answers))
    child.start()
    tensor = torch.arange(1000.0, device="npu")
    event = npu.Event(interprocess=True)
    event.record()
    tensors.put((tensor, event.ipc_handle()))
    assert answers.get(timeout=100) == ("npu", [0, 1, 2])
    assert answers.get(timeout=100) == "done"
    assert tensor[:3].cpu().tolist() == [0, 2, 4]  # the same memory
    child.join()
    assert child.exitcode == 0


if __name__ == "__main__":
    for part in sys.argv[1:]:
        globals()[part]()
        print("ok", part, flush=True)
