"""`anycann doctor`: each finding is made on purpose, seen, and told with its remedy."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from running import succeeded

# A Python without clients, for checks that are about something else.
SYSTEM = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


@pytest.fixture
def calm(tmp_path):
    """Variables under which nothing is found."""
    return {"HOME": str(tmp_path), "ANYCANN_REPORT_DIR": str(tmp_path / "reports")}


def examine(toolkit, *words, program=None, **variables):
    result = toolkit.execute(program or toolkit.command, "doctor", "--json", *words, **variables)
    rows = json.loads(result.stdout)
    findings = [row for row in rows if row["state"] == "finding"]
    assert result.returncode == (1 if findings else 0), result.stderr
    assert all(row["text"] for row in rows) and all(row["remedy"] for row in findings)
    return findings, rows


def only(findings, check):
    assert {row["check"] for row in findings} == {check}, findings
    return " ".join(row["text"] for row in findings)


def test_a_healthy_machine(toolkit, calm, tmp_path):
    findings, rows = examine(toolkit, "--python", sys.executable, **calm)
    assert not findings
    checks = {row["check"] for row in rows}
    assert {"toolkit", "architecture", "core", "memory", "log", "libraries", "client"} <= checks
    assert any(row["text"].startswith("torch_npu 2.13") for row in rows)
    assert os.listdir(tmp_path) == [], "left something behind"
    text = succeeded(toolkit.anycann("doctor", "--python", SYSTEM, **calm))
    assert text.splitlines()[-1] == "0 findings"


def test_another_toolkit_on_the_library_path(toolkit, calm, tmp_path):
    for name in ("lib64", "driver/lib64"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "lib64/libascendcl.so").touch()
    (tmp_path / "driver/lib64/libascend_hal.so").touch()
    path = f"{tmp_path}/lib64:{tmp_path}/driver/lib64:{toolkit.home}/lib64"
    findings, _ = examine(toolkit, "--python", SYSTEM, LD_LIBRARY_PATH=path, **calm)
    told = {row["check"]: [] for row in findings}
    for row in findings:
        told[row["check"]].append(row["text"])
    assert set(told) == {"libraries", "driver"}
    assert any(f"{tmp_path}/lib64" in text and "mix" in text for text in told["libraries"])
    assert any("2 toolkits" in text and "another" in text for text in told["libraries"])
    assert "libascend_hal.so" in told["driver"][0]


@pytest.mark.parametrize(
    ("variables", "check", "text"),
    [
        ({"ASCEND_PROCESS_LOG_PATH": "/dev/null/log"}, "log", "/dev/null/log"),
        ({"ANYCANN_REPORT_DIR": "/dev/null/reports"}, "reports", "/dev/null/reports"),
        ({"ANYCANN_MEMORY": "900G", "ANYCANN_DEVICES": "8"}, "memory", "8 devices"),
        ({"ANYCANN_DEVICE": "8"}, "variables", "ANYCANN_DEVICES"),
        ({"ANYCANN_THREADS": "many"}, "variables", "many"),
        ({"ASCEND_RT_VISIBLE_DEVICES": "0,3"}, "variables", "0,3"),
        ({"ASCEND_HOME_PATH": "/nowhere"}, "variables", "/nowhere"),
    ],
)
def test_settings(toolkit, calm, variables, check, text):
    findings, _ = examine(toolkit, "--python", SYSTEM, **(calm | variables))
    assert text in only(findings, check)


def test_limits(toolkit, calm):
    script = 'ulimit -n 100; "$0" doctor --json --python "$1"'
    result = toolkit.execute("sh", "-c", script, toolkit.command, SYSTEM, **calm)
    assert result.returncode == 1
    findings = [row for row in json.loads(result.stdout) if row["state"] == "finding"]
    assert "100 files" in only(findings, "limits")


def test_a_tree_that_is_not_whole(toolkit, calm, tmp_path):
    moved = tmp_path / "tree"
    shutil.copytree(toolkit.home, moved)
    (moved / "lib64/libhccl.so").unlink()
    core = moved / "lib64/libanycann.so"
    image = bytearray(core.read_bytes())
    machine = image[18:20]
    image[18:20] = b"\xf3\x00"  # RISC-V, which no package is made for
    core.write_bytes(image)
    findings, _ = examine(toolkit, "--python", SYSTEM, program=moved / "bin/anycann", **calm)
    told = {row["check"]: row["text"] for row in findings}
    assert "libhccl.so" in told["toolkit"]
    assert "architecture" in told and "core" in told
    image[18:20] = machine
    core.write_bytes(image)
    findings, _ = examine(toolkit, "--python", SYSTEM, program=moved / "bin/anycann", **calm)
    assert "libhccl.so" in only(findings, "toolkit")


def distribution(folder, name, version, *requirements):
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    (info / "METADATA").write_text("\n".join(lines) + "\n")


@pytest.fixture
def python(toolkit, tmp_path):
    """An environment of its own, whose distributions a test makes up."""
    succeeded(toolkit.execute(SYSTEM, "-m", "venv", "--without-pip", tmp_path / "venv"))
    return tmp_path / "venv/bin/python"


def packages_of(python):
    return next(Path(python).parent.parent.glob("lib/python*/site-packages"))


def test_a_client_without_its_pair(toolkit, calm, python):
    distribution(packages_of(python), "torch_npu", "2.13.0", "torch==2.13.0.*", "numpy")
    findings, _ = examine(toolkit, "--python", python, **calm)
    assert "torch==2.13.0.*" in only(findings, "torch_npu") and len(findings) == 2
    assert "pip install 'torch==2.13.0.*'" in [row["remedy"] for row in findings]


def test_a_pair_that_does_not_fit(toolkit, calm, python):
    folder = packages_of(python)
    distribution(folder, "torch_npu", "2.13.0", "torch==2.13.0.*")
    distribution(folder, "torch", "2.12.1+cpu")
    findings, _ = examine(toolkit, "--python", python, **calm)
    assert "2.12.1+cpu is installed" in only(findings, "torch_npu")


def test_a_client_for_another_machine(toolkit, calm, python):
    folder = packages_of(python)
    distribution(folder, "torch_npu", "2.13.0")
    distribution(folder, "torch", "2.13.0")
    (folder / "torch_npu/lib").mkdir(parents=True)
    image = bytearray((toolkit.home / "lib64/libhccl.so").read_bytes())
    good, bad = folder / "torch_npu/lib/libgood.so", folder / "torch_npu/lib/libbad.so"
    # Needs libanycann.so, under a name of the same length that nobody has.
    good.write_bytes(image.replace(b"libanycann.so", b"libnowhere.so"))
    image[18:20] = b"\xf3\x00"
    bad.write_bytes(image)
    findings, _ = examine(toolkit, "--python", python, **calm)
    text = only(findings, "torch_npu")
    assert "libnowhere.so" in text and f"{bad} is made for" in text


def test_autoload_is_off(toolkit, calm):
    findings, _ = examine(
        toolkit, "--python", sys.executable, TORCH_DEVICE_BACKEND_AUTOLOAD="0", **calm
    )
    assert "TORCH_DEVICE_BACKEND_AUTOLOAD" in only(findings, "torch_npu")


def test_enabled_with_a_toolkit_that_is_gone(toolkit, calm, python, tmp_path):
    moved = tmp_path / "tree"
    shutil.copytree(toolkit.home, moved)
    succeeded(toolkit.execute(moved / "bin/anycann", "enable", "--python", python))
    findings, _ = examine(toolkit, "--python", python, **calm)
    assert "another toolkit" in only(findings, "enable")
    shutil.rmtree(moved)
    findings, _ = examine(toolkit, "--python", python, **calm)
    assert "gone" in only(findings, "enable")
