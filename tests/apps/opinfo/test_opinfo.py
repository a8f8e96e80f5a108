"""PyTorch's own operator database: npu:0 against the CPU, entry by entry and type by type.

The denominator is pairs.tsv; every pair that does not pass stands in known.tsv with its reason.
"""

import json
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAIRS_WANTED = 2050  # of 2,320
GRADIENTS_WANTED = 0.85


def read(name):
    lines = (HERE / name).read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")][1:]


def run(toolkit, *options, timeout):
    done = toolkit.anycann(
        "run",
        "python3",
        HERE / "client.py",
        *options,
        timeout=timeout,
        TORCH_NPU_FALLBACK_CPU_DISABLE="1",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def listed(rows):
    return "\n".join("{opinfo} {dtype}: {status} {reason}".format(**row) for row in rows)


def test_a_sample_of_every_entry(toolkit):
    """What the record says passes must pass; whole entries are the slow test's."""
    known = {(name, dtype) for name, dtype, _, _ in read("known.tsv")}
    rows = run(toolkit, "--samples", "2", "--dtypes", "float32,int64", timeout=900)
    assert len(rows) > 500, f"only {len(rows)} pairs ran"
    wrong = [
        row
        for row in rows
        if row["status"] != "PASS" and (row["opinfo"], row["dtype"]) not in known
    ]
    assert not wrong, listed(wrong)


@pytest.mark.slow
def test_every_sample_of_every_entry(toolkit):
    rows = run(toolkit, timeout=5400)
    if "RESULTS" in os.environ:
        path = Path(os.environ["RESULTS"]) / "opinfo.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    known = {(name, dtype): status for name, dtype, status, _ in read("known.tsv")}
    wrong = [
        row for row in rows if row["status"] != known.get((row["opinfo"], row["dtype"]), "PASS")
    ]
    assert not wrong, "other than known.tsv says:\n" + listed(wrong)
    assert len(rows) == sum(len(r[2].split()) for r in read("pairs.tsv") if r[1] == "op")
    passed = [row["dtype"] == "grad" for row in rows if row["status"] == "PASS"]
    assert passed.count(False) >= PAIRS_WANTED
    assert passed.count(True) >= GRADIENTS_WANTED * sum(row["dtype"] == "grad" for row in rows)
