"""anycann hccl-sim: predictions, and what it refuses."""

import json

import pytest
from running import succeeded


def simulate(toolkit, *options):
    return json.loads(succeeded(toolkit.anycann("hccl-sim", "--json", *options)))


def test_links_cost_what_the_formula_says(toolkit):
    """Ranks without shared memory: 2 log2(p) a + 2 (p-1)/p n b, and the sums of this machine."""
    words = ("--ranks", "1024", "--server", "1", "--latency", "10", "--bandwidth", "1")
    rows = simulate(toolkit, *words, "--algorithm", "NHR", "-b", "1M", "-e", "64M", "-f", "64")
    assert [row["bytes"] for row in rows] == [1 << 20, 64 << 20]
    for row in rows:
        links_us = 20 * 10 + 2 * 1023 / 1024 * row["bytes"] * 1e-3
        assert row["algorithm"] == "NHR"
        assert links_us < row["predicted us"] < 2 * links_us + 100


def test_the_cheapest_is_taken(toolkit):
    words = ("--ranks", "512", "--server", "1", "--latency", "1000", "--collective", "AllGather")
    assert simulate(toolkit, *words, "-b", "8", "-e", "8")[0]["algorithm"] in (
        "mesh",
        "mesh_one_shot",
    )


@pytest.mark.parametrize("collective", ["AllReduce", "allgather", "AlltoAll", "Broadcast"])
def test_predictions_are_compared_with_this_machine(toolkit, collective):
    rows = simulate(toolkit, "--measure", "--collective", collective, "-b", "4K", "-e", "4K")
    assert rows[0]["measured us"] > 0
    error = 100 * (rows[0]["predicted us"] / rows[0]["measured us"] - 1)
    assert float(rows[0]["error %"]) == pytest.approx(error, abs=2)


@pytest.mark.parametrize(
    "words",
    [["--ranks", "0"], ["--ranks", "x"], ["--bandwidth", "0"], ["-b", "8M", "-e", "1M"], ["more"]]
    + [["--root", "2"], ["--measure", "--collective", "Barrier"], ["--none"], ["-f", "1"]]
    + [["--measure", "--server", "1"]],
)
def test_wrong_options(toolkit, words):
    run = toolkit.anycann("hccl-sim", *words)
    assert run.returncode == 2 and "usage: anycann hccl-sim" in run.stderr


def test_what_no_algorithm_does(toolkit):
    run = toolkit.anycann("hccl-sim", "--collective", "AlltoAll", "--algorithm", "ring")
    assert run.returncode == 1 and 'no algorithm "ring" does AlltoAll' in run.stderr
    run = toolkit.anycann("hccl-sim", "--collective", "Sum")
    assert run.returncode == 1 and 'the collective is "Sum"' in run.stderr
