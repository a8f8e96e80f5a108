"""Every way a program can end, forks, threads, and a second client in the process."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from running import REPOSITORY, crashed, succeeded

BUSY = """
import torch
a = torch.randn(64, 64).npu()
for _ in range(100):
    a = a + a
"""


@pytest.mark.parametrize(
    "end, code",
    [
        ("", 0),
        ("raise ValueError('mine')", 1),
        ("import sys; sys.exit(3)", 3),
        ("import os; os._exit(5)", 5),
        ("del a; torch.npu.empty_cache()", 0),
        ("torch.npu.synchronize(); torch.npu.empty_cache(); a = None", 0),
        ("import threading; threading.Thread(target=lambda: a + a).start()", 0),
    ],
)
def test_ends(toolkit, end, code):
    result = toolkit.python(BUSY + end)
    assert result.returncode == code, result.stderr
    assert "terminate called" not in result.stderr


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals(toolkit, kind):
    code = BUSY + "print('busy', flush=True)\nwhile True: a = a * 0.5 + a * 0.5"
    process = toolkit.start(toolkit.command, "run", sys.executable, "-c", code)
    assert process.stdout.readline() == "busy\n", process.communicate()
    time.sleep(0.3)
    process.send_signal(kind)
    _, err = process.communicate(timeout=60)
    if kind == signal.SIGINT:
        assert "KeyboardInterrupt" in err
        assert process.returncode in (1, 130, -signal.SIGINT)
    else:
        assert process.returncode == -kind
    # The counts survive any end, kill -9 too.
    report = json.loads(succeeded(toolkit.anycann("report", process.pid, "--json")))
    calls = {row["name"]: row["calls"] for row in report["counts"]}
    assert calls["aclnnAdd"] >= 100


def kept_files(pid):
    """Files with names that a process can write, so that they outlive it: open or mapped."""
    process = Path("/proc") / str(pid)
    names = {os.readlink(link) for link in (process / "fd").iterdir()}
    for line in (process / "maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and "w" in fields[1] and "s" in fields[1]:
            names.add(fields[5])
    vanishing = ("/memfd:", "/dev/", "pipe:", "socket:", "anon_inode:", "/proc/", "[")
    return {n for n in names if not n.startswith(vanishing) and not n.endswith("(deleted)")}


def bound_sockets(pid):
    """Names in the file system that sockets of a process are bound to."""
    inodes = {os.readlink(link) for link in (Path("/proc") / str(pid) / "fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return {row[7] for row in rows if len(row) > 7 and f"socket:[{row[6]}]" in inodes
            and not row[7].startswith("@")}  # fmt: skip


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_of_what_was_shared(toolkit, tmp_path, kind):
    """Memory, events and notifies for other processes have no name that outlives their owner."""
    program = REPOSITORY / "tests" / "apps" / "client_holder.py"
    words = [toolkit.command, "run", sys.executable, program, *["busy"] * (kind == signal.SIGTERM)]
    folders = {"HOME": tmp_path, "TMPDIR": tmp_path, "XDG_RUNTIME_DIR": tmp_path}
    process = toolkit.start(*words, **{name: str(path) for name, path in folders.items()})
    try:
        assert process.stdout.readline() == "holding\n", process.communicate()
        kept, sockets = kept_files(process.pid), bound_sockets(process.pid)
    finally:
        process.send_signal(kind)
        process.communicate(timeout=60)
    assert process.returncode == -kind
    # What it ran, for `anycann report`, and its log are meant to stay.
    meant = (str(toolkit.reports), str(tmp_path / "ascend" / "log"))
    assert not {name for name in kept if not name.startswith(meant)}
    assert not sockets
    left = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert not {path for path in left if not str(path).startswith(meant)}


def test_calls_after_the_end_fail_softly(toolkit):
    """This handler runs after torch_npu's own, which has finalised everything."""
    code = """
import atexit, sys
def late():
    try:
        print((a + a).cpu().sum().item())
    except Exception as error:
        print("late:", type(error).__name__)
atexit.register(late)
import torch
a = torch.ones(8).npu()
(a + a).cpu()
"""
    result = toolkit.python(code)
    assert not crashed(result), result.stderr
    assert result.stdout.strip()


def test_fork_leaves_the_parent_alone(toolkit):
    code = """
import os, torch
a = torch.ones(1000).npu()
child = os.fork()
if child == 0:
    os._exit(7)
for _ in range(200):
    a = a + 1
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7
assert a.cpu().eq(201).all()
"""
    succeeded(toolkit.python(code))


def test_the_device_in_a_forked_child_is_a_clear_error(toolkit):
    code = """
import os, sys, torch
a = torch.ones(10).npu()
(a + a).cpu()
child = os.fork()
if child == 0:
    try:
        (a + a).cpu()
    except RuntimeError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
"""
    # Without its queue: the client's dispatch thread does not exist in the child, which would wait
    # for it for ever before any call reaches us.
    assert "fork" in succeeded(toolkit.python(code, TASK_QUEUE_ENABLE="0"))


def test_data_loader_workers(toolkit):
    code = """
import torch
from torch.utils.data import DataLoader, TensorDataset
x = torch.arange(64.0).reshape(32, 2)
a = torch.ones(2).npu()
total = torch.zeros(2).npu()
for (batch,) in DataLoader(TensorDataset(x), batch_size=4, num_workers=2):
    for row in batch.npu():
        total = total + row * a
assert torch.equal(total.cpu(), x.sum(0)), total
"""
    succeeded(toolkit.python(code))


def test_spawned_processes(toolkit, tmp_path):
    script = tmp_path / "spawn.py"
    script.write_text(
        """
import torch
import torch.multiprocessing as mp

def work(rank):
    a = torch.full((4,), float(rank)).npu(rank)
    assert torch.equal((a + a).cpu(), torch.full((4,), 2.0 * rank))

if __name__ == "__main__":
    mp.spawn(work, nprocs=2)
"""
    )
    succeeded(toolkit.anycann("run", "--devices", "2", sys.executable, script))


@pytest.mark.parametrize("mode", ["0", "1", "2"])
def test_threads_with_streams_of_their_own(toolkit, mode):
    code = """
import threading, torch
torch.zeros(1).npu()
wrong = []
def work(seed):
    stream = torch.npu.Stream()
    with torch.npu.stream(stream):
        a = torch.full((1000,), float(seed)).npu()
        b = a
        for _ in range(100):
            b = b + a
        stream.synchronize()
    if not b.cpu().eq(101.0 * seed).all():
        wrong.append(seed)
threads = [threading.Thread(target=work, args=(i + 1,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong, wrong
"""
    succeeded(toolkit.python(code, TASK_QUEUE_ENABLE=mode))


def test_streams_and_events(toolkit):
    code = """
import torch
side = torch.npu.Stream()
begin, end = torch.npu.Event(enable_timing=True), torch.npu.Event(enable_timing=True)
a = torch.ones(1 << 16).npu()
begin.record()
for _ in range(20):
    a = a + a * 0
end.record()
side.wait_event(end)
with torch.npu.stream(side):
    b = a + a
side.synchronize()
assert end.query()
assert begin.elapsed_time(end) > 0
assert b.cpu().eq(2).all()
"""
    succeeded(toolkit.python(code))


def test_two_clients_in_one_process(toolkit):
    """A second aclInit is told so; the second client's end leaves the first alive."""
    code = """
import ctypes, torch
a = torch.ones(4).npu()
acl = ctypes.CDLL("libascendcl.so")
assert acl.aclInit(None) == 100002
stream = ctypes.c_void_p()
assert acl.aclrtSetDevice(0) == 0
assert acl.aclrtCreateStream(ctypes.byref(stream)) == 0
assert acl.aclrtSynchronizeStream(stream) == 0
assert acl.aclrtDestroyStream(stream) == 0
acl.aclFinalize()
assert torch.equal((a + a).cpu(), torch.full((4,), 2.0))
"""
    succeeded(toolkit.python(code))


def test_abandoned_executors(toolkit):
    """Phase 1 without phase 2, a thousand times: a leak of nothing that stops the process."""
    code = """
import ctypes, torch
torch.ones(1).npu()
acl, base = ctypes.CDLL("libascendcl.so"), ctypes.CDLL("libnnopbase.so")
ops = ctypes.CDLL("libopapi.so")
base.aclCreateTensor.restype = base.aclCreateScalar.restype = ctypes.c_void_p
data = torch.ones(4).npu()
shape = (ctypes.c_int64 * 1)(4)
def tensor():
    return ctypes.c_void_p(base.aclCreateTensor(shape, ctypes.c_uint64(1), 0, None,
        ctypes.c_int64(0), 2, shape, ctypes.c_uint64(1), ctypes.c_void_p(data.data_ptr())))
one = ctypes.c_float(1)
alpha = ctypes.c_void_p(base.aclCreateScalar(ctypes.byref(one), 0))
for _ in range(1000):
    size, executor = ctypes.c_uint64(), ctypes.c_void_p()
    a, b, y = tensor(), tensor(), tensor()
    code = ops.aclnnAddGetWorkspaceSize(a, b, alpha, y, ctypes.byref(size), ctypes.byref(executor))
    assert code == 0, code
    for t in (a, b, y):
        assert base.aclDestroyTensor(t) == 0
assert (data + data).cpu().eq(2).all()
"""
    succeeded(toolkit.python(code))


def test_a_full_disk_under_logs_and_reports(toolkit, tmp_path):
    """On a file system of 64 KB, of which nothing is left, everything works but the writing."""
    mounted = f"mount -t tmpfs -o size=64k tmpfs {tmp_path} && "
    isolated = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if toolkit.execute(*isolated, mounted + "true").returncode != 0:
        pytest.skip("this process may not mount anything")
    code = BUSY + "print(a.sum().isfinite().item() in (True, False))"
    fill = f"head -c 100000 /dev/zero > {tmp_path}/all; "
    command = f'{toolkit.command} run {sys.executable} -c "{code}"'
    result = toolkit.execute(
        *isolated,
        f"{mounted} {fill} {command}; code=$?; ls {tmp_path}/reports; exit $code",
        ANYCANN_REPORT_DIR=str(tmp_path / "reports"),
        ASCEND_PROCESS_LOG_PATH=str(tmp_path / "log"),
        ASCEND_GLOBAL_LOG_LEVEL="0",
    )
    assert succeeded(result) == "True\n"
