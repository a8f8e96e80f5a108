"""hccl_test: the table that it prints, who launches it, and that a wrong result is found."""

import os
import re
import shutil
import subprocess

import pytest
from running import succeeded

NAMES = (
    "all_gather all_gatherv all_reduce alltoall alltoallv alltoallvc broadcast reduce "
    "reduce_scatter reduce_scatterv scatter"
).split()
REDUCING = [name for name in NAMES if "reduce" in name]
TYPES = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 fp16 bfp16 fp32 fp64".split()
ROW = re.compile(r"^(\d+) +\| (\d+\.\d\d) +\| (\d+\.\d{5}) +\| (success|failed|NULL)$")


def program(toolkit, name):
    return toolkit.home / "tools" / "hccl_test" / "bin" / f"{name}_test"


def rows(text):
    found = [ROW.match(line) for line in text.splitlines()[2:]]
    assert found and all(found), text
    return [(int(m[1]), float(m[2]), float(m[3]), m[4]) for m in found]


def measure(toolkit, name, *options, **variables):
    run = toolkit.execute(program(toolkit, name), *options, "-n", "3", "-w", "1", **variables)
    return rows(succeeded(run))


def test_printed_table(toolkit):
    words = "-b 8K -e 64K -f 2 -d fp32 -o sum -p 2 -c 1 -n 4 -w 2 --np 2".split()
    text = succeeded(toolkit.execute(program(toolkit, "all_reduce"), *words))
    first, heading, *_ = text.splitlines()
    assert first == "the minbytes is 8192, maxbytes is 65536, iters is 4, warmup_iters is 2"
    assert heading == "data_size(Bytes): | aveg_time(us): | alg_bandwidth(GB/s): | check_result:"
    assert re.match(r"^8192 {13} \| \d+\.\d\d", text.splitlines()[2])
    table = rows(text)
    assert [row[0] for row in table] == [8 << 10, 16 << 10, 32 << 10, 64 << 10]
    for size, time_us, gb_s, result in table:
        assert gb_s == pytest.approx(size / time_us * 1e-3, rel=0.01, abs=1e-4)
        assert result == "success"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_collective(toolkit, name, ranks):
    root = ["-r", str(ranks - 1)]
    table = measure(
        toolkit, name, "--np", str(ranks), "-b", "100", "-e", "20000", "-f", "14", *root
    )
    assert len(table) == 3 and all(row[3] == "success" for row in table)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_type_and_operation(toolkit, name):
    for kind in TYPES:
        for op in ("sum", "prod", "max", "min") if name in REDUCING else ("sum",):
            options = ("--np", "4", "-b", "4K", "-e", "12K", "-i", "4K", "-d", kind, "-o", op)
            table = measure(toolkit, name, *options)
            assert [row[3] for row in table] == ["success"] * 3, (kind, op)


def test_what_is_not_checked_is_null(toolkit):
    options = ("--np", "2", "-b", "1K", "-e", "1K", "-c", "0")
    assert [row[3] for row in measure(toolkit, "all_reduce", *options)] == ["NULL"]


def test_launchers_variables(toolkit):
    """As mpirun sets them: the processes know of one another by nothing else."""
    words = (program(toolkit, "all_gather"), "-b", "4K", "-e", "4K", "-n", "2")
    ranks = [
        toolkit.start(
            *words,
            OMPI_COMM_WORLD_RANK=str(i),
            OMPI_COMM_WORLD_SIZE="3",
            PMIX_NAMESPACE=f"test/{os.getpid()}",
        )
        for i in range(3)
    ]
    texts = [process.communicate(timeout=120) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0, 0], texts
    assert [row[3] for row in rows(texts[0][0])] == ["success"]
    assert texts[1][0] == texts[2][0] == ""
    assert not [f for f in os.listdir("/dev/shm") if f"test_{os.getpid()}" in f]


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="no mpirun")
def test_mpirun(toolkit):
    words = ("mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2")
    options = ("-b", "8K", "-e", "16K", "-f", "2", "-d", "fp32", "-o", "sum", "-p", "2", "-c", "1")
    run = toolkit.execute(*words, program(toolkit, "all_reduce"), *options)
    assert [row[3] for row in rows(succeeded(run))] == ["success", "success"]


# Two elements of whatever comes back from the device change places.
SHUFFLE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
int aclrtMemcpy(void *to, size_t room, const void *from, size_t bytes, int kind) {
    int (*real)(void *, size_t, const void *, size_t, int) = dlsym(RTLD_NEXT, "aclrtMemcpy");
    int code = real(to, room, from, bytes, kind);
    float *x = to, kept;
    if (kind == 2 && bytes > 1024) kept = x[5], x[5] = x[6], x[6] = kept;
    return code;
}
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_shuffled_result_is_found(toolkit, tmp_path, name):
    source, library = tmp_path / "shuffle.c", tmp_path / "shuffle.so"
    source.write_text(SHUFFLE)
    subprocess.run(["cc", "-shared", "-fPIC", source, "-o", library], check=True)
    options = ("--np", "2", "-b", "4K", "-e", "4K", "-n", "1", "-w", "0")
    run = toolkit.execute(program(toolkit, name), *options, LD_PRELOAD=str(library))
    assert run.returncode == 1
    assert [row[3] for row in rows(run.stdout)] == ["failed"]
    assert re.search(r"rank \d: element 5 is \d+; expected \d+", run.stderr)


@pytest.mark.parametrize(
    "words",
    [["-b", "x"], ["-d", "fp8"], ["-o", "avg"], ["-c", "3"], ["-f", "1"], ["-b", "2M", "-e", "1M"]]
    + [["-q", "1"], ["-n", "0"], ["--np", "0"], ["-b"], ["8K"], ["-p", "-1"]],
)
def test_wrong_options_are_refused(toolkit, words):
    run = toolkit.execute(program(toolkit, "reduce"), *words)
    assert run.returncode == 2 and "expected" in run.stderr and run.stdout == ""


def test_a_root_that_does_not_exist(toolkit):
    run = toolkit.execute(program(toolkit, "reduce"), "--np", "2", "-r", "2")
    assert run.returncode == 1 and "expected a rank from 0 to 1" in run.stderr


def test_help_and_devices(toolkit):
    text = succeeded(toolkit.execute(program(toolkit, "scatter"), "--help"))
    assert "usage: scatter_test" in text and "--np N" in text
    options = ("--np", "2", "-b", "1K", "-e", "1K")
    chosen = {"ANYCANN_DEVICES": "4", "HCCL_TEST_USE_DEVS": "3,1"}
    assert measure(toolkit, "scatter", *options, **chosen)[0][3] == "success"
    run = toolkit.execute(program(toolkit, "scatter"), *options, HCCL_TEST_USE_DEVS="1,1")
    assert run.returncode == 1 and "both use device" in run.stderr
