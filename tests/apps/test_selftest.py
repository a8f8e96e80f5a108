"""`anycann selftest`: passes here, and sees what it must see."""

import json
import shutil
import sys

from running import succeeded


def selftest(toolkit, *words, program=None, **variables):
    command = [program or toolkit.command, "selftest", "--json", *words]
    result = toolkit.execute(*command, **variables)
    rows = json.loads(result.stdout)
    failed = [row for row in rows if row["state"] == "failed"]
    assert result.returncode == (1 if failed else 0)
    return rows, failed


def test_it_passes_at_every_level_and_with_the_client(toolkit):
    rows, failed = selftest(toolkit, "--python", sys.executable)
    assert not failed
    info = json.loads(succeeded(toolkit.anycann("info", "--json")))
    levels = ["scalar", *info["isa_levels"].split()]
    parts = {(row["part"].split()[0], row["level"]) for row in rows}
    kinds = ("devices", "memory", "streams", "events", "operators")
    assert parts == {(kind, level) for kind in kinds for level in levels} | {("torch_npu", "")}


def test_a_device_that_keeps_nothing(toolkit):
    """The null back-end has no memory behind its addresses."""
    _, failed = selftest(toolkit, "--python", "/no/python", ANYCANN_BACKEND="null")
    assert "memory" in {row["part"] for row in failed}
    assert all(row["cause"] for row in failed)


def test_a_library_that_is_missing(toolkit, tmp_path):
    shutil.copytree(toolkit.home, tmp_path / "tree")
    (tmp_path / "tree/lib64/libacl_op_compiler.so").unlink()
    program = tmp_path / "tree/bin/anycann"
    _, failed = selftest(toolkit, "--python", "/no/python", program=program)
    assert {row["part"] for row in failed} == {"process"}
    assert "libacl_op_compiler.so" in failed[0]["cause"]


def test_a_client_that_fails(toolkit, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2\necho the cause >&2\nexit 1\n")
    python.chmod(0o755)
    _, failed = selftest(toolkit, "--python", python)
    assert [(row["part"], row["cause"]) for row in failed] == [("torch_npu", "the cause")]
