"""`npu-smi info`: the tables that monitors read, and the processes in them."""

import json
import re
import signal

import pytest
from running import succeeded

MIB = 1 << 20
# A process with some memory on one device, until it is ended.
USER = """
import ctypes, sys, time
acl = ctypes.CDLL("libascendcl.so")
block = ctypes.c_void_p()
device, mib = int(sys.argv[1]), int(sys.argv[2])
assert acl.aclInit(None) == 0 and acl.aclrtSetDevice(device) == 0
assert acl.aclrtMalloc(ctypes.byref(block), ctypes.c_size_t(mib << 20), 0) == 0
print("ready", flush=True)
time.sleep(60)
"""


def smi(toolkit, *words, **variables):
    return toolkit.execute(toolkit.home / "bin" / "npu-smi", *words, **variables)


@pytest.fixture
def user(toolkit):
    """Starts processes that use a device; gives their numbers."""
    started = []

    def start(device, mib, **variables):
        command = [toolkit.command, "run", "python3", "-c", USER, str(device), str(mib)]
        process = toolkit.start(*command, **variables)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_summary_has_the_columns_that_monitors_read(toolkit):
    text = succeeded(smi(toolkit, "info", ANYCANN_DEVICES="2", ANYCANN_SOC="Ascend910B3"))
    lines = text.splitlines()
    assert {len(line) for line in lines} == {98}
    assert "AnyCANN" in lines[1], "says what it is"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    titles = [row for row in cells if row[0].split()[:1] == ["NPU"]]
    assert titles[0][:2] == ["NPU   Name", "Health"]
    assert titles[1][1:] == ["Process id", "Process name", "Process memory(MB)"]
    assert [row[0].split() for row in cells if row[1:2] == ["OK"]] == [
        ["0", "910B3"],
        ["1", "910B3"],
    ]
    assert "No running processes found in NPU 1" in text


def test_processes_appear_with_their_memory_and_go_with_them(toolkit, user):
    first = user(0, 64)
    second = user(1, 96, ANYCANN_DEVICES="2")
    found = json.loads(succeeded(smi(toolkit, "info", "--json")))
    processes = {(row["npu"], row["pid"]): row for row in found["processes"]}
    assert set(processes) == {(0, first.pid), (1, second.pid)}
    assert processes[0, first.pid]["used_bytes"] // MIB == 64
    assert processes[1, second.pid]["used_bytes"] // MIB == 96
    assert found["devices"][1]["used_bytes"] // MIB == 96
    assert found["devices"][1]["total_bytes"] > 96 * MIB

    row = re.compile(rf"^\| 1 +0 +\| {second.pid} +\| python3? +\| 96 +\|$", re.M)
    assert row.search(succeeded(smi(toolkit, "info")))
    memory = succeeded(smi(toolkit, "info", "-t", "proc-mem", "-i", "1", "-c", "0"))
    assert f"Process id:{second.pid}" in memory

    for process in (first, second):  # leaves no time to clean up
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert json.loads(succeeded(smi(toolkit, "info", "--json")))["processes"] == []


def test_memory_that_is_freed_goes_down(toolkit, user):
    code = USER.replace('print("ready"', 'acl.aclrtFree(block); print("ready"')
    process = toolkit.start(toolkit.command, "run", "python3", "-c", code, "0", "64")
    assert process.stdout.readline() == "ready\n"
    found = json.loads(succeeded(smi(toolkit, "info", "--json")))
    process.kill()
    process.communicate()
    assert found["devices"][0]["used_bytes"] == 0


def test_a_device_of_the_machine_not_of_the_process(toolkit, user):
    variables = {"ANYCANN_DEVICES": "4", "ASCEND_RT_VISIBLE_DEVICES": "2"}
    process = user(0, 32, **variables)
    found = json.loads(succeeded(smi(toolkit, "info", "--json", **variables)))
    assert [(row["npu"], row["pid"]) for row in found["processes"]] == [(2, process.pid)]
    assert len(found["devices"]) == 4


def test_lists(toolkit):
    text = succeeded(smi(toolkit, "info", "-l", ANYCANN_DEVICES="3"))
    assert text.startswith(f"\t{'Total Count':30} : 3\n\n\t{'NPU ID':30} : 0\n")
    rows = succeeded(smi(toolkit, "info", "-m", ANYCANN_DEVICES="3")).splitlines()
    assert rows[0] == "\t" + "".join(
        f"{word:30}" for word in ("NPU ID", "Chip ID", "Chip Logic ID", "Chip Name")
    )
    assert rows[3].split() == ["2", "0", "2", "Ascend", "910B1"]


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("board", r"Chip Count +: 1"),
        ("usages", r"HBM Capacity\(MB\) +: [1-9]"),
        ("memory", r"HBM Capacity\(MB\) +: [1-9]"),
        ("power", r"\(W\) +: "),
        ("temp", r"\(C\) +: "),
        ("health", r"Health +: OK"),
        ("common", r"Aicore Usage Rate\(%\) +: 0"),
        ("product", r"AnyCANN"),
        ("topo", r"CPU Affinity\n\tNPU0 +X +\d"),
    ],
)
def test_types(toolkit, kind, pattern):
    text = succeeded(smi(toolkit, "info", "-t", kind, "-i", "0"))
    assert re.search(pattern, text), text
    assert text.startswith("\t")


@pytest.mark.parametrize(
    "words",
    [
        ("set", "-t", "ecc"),
        ("info", "-t", "nonsense", "-i", "0"),
        ("info", "-t", "board"),
        ("info", "-t", "board", "-i", "1"),
        ("info", "-t", "board", "-i", "x"),
        ("info", "-z"),
        ("info", "nonsense"),
    ],
)
def test_usage(toolkit, words):
    result = smi(toolkit, *words)
    assert result.returncode == 2 and result.stderr.strip()
