"""Where the toolkit under test and the clients lie.

TOOLKIT names the toolkit tree (default: build/toolkit of this repository). Clients are
whatever the running Python has installed; tests for absent ones are skipped by name.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLKIT = Path(os.environ.get("TOOLKIT", ROOT / "build" / "toolkit")).resolve()
sys.path.insert(0, str(ROOT / "api"))
sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def toolkit():
    if not (TOOLKIT / "lib64" / "libanycann.so").exists():
        pytest.fail(f"{TOOLKIT} holds no libanycann.so: build first, or set TOOLKIT")
    return TOOLKIT


@pytest.fixture(scope="session")
def lib64(toolkit):
    return toolkit / "lib64"


@pytest.fixture(scope="session")
def include(toolkit):
    return toolkit / "include"


@pytest.fixture(scope="session")
def environment(toolkit, lib64, tmp_path_factory):
    """For programs that run on the toolkit: every symbol is bound at load."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("ASCEND_", "ANYCANN_"))}
    env |= {
        "LD_LIBRARY_PATH": str(lib64),
        "ASCEND_HOME_PATH": str(toolkit),
        "ASCEND_OPP_PATH": str(toolkit / "opp"),
        "LD_BIND_NOW": "1",
        "ANYCANN_REPORT_DIR": str(tmp_path_factory.mktemp("report")),
    }
    return env


@pytest.fixture(scope="session")
def python(environment):
    """Runs Python code in a fresh process on the toolkit; returns its standard output."""

    def run(code):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


def client_folder(package):
    """The folder of an installed package, or a skip."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))
