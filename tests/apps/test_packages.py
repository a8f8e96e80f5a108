"""The wheel and the Debian packages, made from the toolkit and installed as a user would."""

import base64
import csv
import hashlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from running import succeeded

NEEDED = re.compile(r"Name: GLIBC_([0-9.]+) ")


@pytest.fixture(scope="module")
def stage(toolkit, tmp_path_factory):
    """A stripped copy, as `make wheel` and `make deb` make it."""
    build = toolkit.home.parent
    if not (build / "cmake_install.cmake").exists():
        pytest.skip("no build folder beside the toolkit")
    place = tmp_path_factory.mktemp("stage")
    succeeded(toolkit.execute("cmake", "--install", build, "--prefix", place, "--strip"))
    return place


def pack(kind, toolkit, repository, stage, out):
    script = repository / "packaging" / f"{kind}.py"
    result = toolkit.execute(sys.executable, script, stage, out)
    return [Path(line) for line in succeeded(result).splitlines()]


@pytest.fixture(scope="module")
def wheel(toolkit, repository, stage, tmp_path_factory):
    (path,) = pack("wheel", toolkit, repository, stage, tmp_path_factory.mktemp("dist"))
    return path


@pytest.fixture(scope="module")
def environment(toolkit, wheel, tmp_path_factory):
    """A new virtual environment with the wheel, beside the clients of the tests' own."""
    place = tmp_path_factory.mktemp("user") / "a venv"
    succeeded(toolkit.execute(sys.executable, "-m", "venv", place))
    pip = [place / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check"]
    succeeded(toolkit.execute(*pip, "--no-index", "--no-deps", wheel))
    packages = next(place.glob("lib/python*/site-packages"))
    own = next(Path(sys.prefix).glob("lib/python*/site-packages"))
    (packages / "clients.pth").write_text(f"{own}\n")
    return place


def test_the_tag_is_true(wheel, stage):
    """The newest symbol of glibc that any file needs is the one that the tag names."""
    text = "".join(
        subprocess.run(
            ["readelf", "-W", "-V", path], check=True, capture_output=True, text=True
        ).stdout
        for path in [*stage.rglob("*.so"), *(stage / "bin").iterdir()]
    )
    newest = max(tuple(map(int, version.split("."))) for version in NEEDED.findall(text))
    tag = re.search(r"-py3-none-manylinux_(\d+)_(\d+)_(\w+)\.whl$", wheel.name)
    assert (int(tag[1]), int(tag[2])) == newest
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True).stdout.strip()
    assert tag[3] == machine


def test_record_lists_every_file(wheel):
    with zipfile.ZipFile(wheel) as files:
        record = next(name for name in files.namelist() if name.endswith("RECORD"))
        rows = list(csv.reader(files.read(record).decode().splitlines()))
        assert {row[0] for row in rows} == set(files.namelist())
        for name, digest, size in rows:
            if name == record:
                continue
            data = files.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
            assert digest == f"sha256={expected.decode()}" and int(size) == len(data), name
        metadata = files.read(record.replace("RECORD", "METADATA")).decode()
    assert "Requires-Dist" not in metadata


def test_the_installed_command(toolkit, environment):
    """In an environment that is not activated, `python` is still its own."""
    anycann = environment / "bin" / "anycann"
    home = succeeded(toolkit.execute(anycann, "home")).strip()
    assert Path(home).is_relative_to(environment)
    script = "import os, sys; print(sys.prefix); print(os.environ['ASCEND_HOME_PATH'])"
    result = toolkit.execute(anycann, "run", "python", "-c", script)
    assert succeeded(result).splitlines() == [str(environment), home]
    module = toolkit.execute(environment / "bin" / "python", "-m", "anycann", "home")
    assert succeeded(module).strip() == home
    assert toolkit.execute(anycann, "nonsense").returncode == 2


LOADER = "/usr/share/bash-completion/bash_completion"
ADD = "import torch; print((torch.ones(2).npu() + 1).cpu().tolist())"


def test_enable_from_the_wheel(toolkit, environment):
    anycann, python = environment / "bin" / "anycann", environment / "bin" / "python"
    succeeded(toolkit.execute(anycann, "enable"))
    assert succeeded(toolkit.execute(python, "-c", ADD)).strip() == "[2.0, 2.0]"
    # Uninstalled without `disable`: Python starts as if nothing had been.
    package = next(environment.glob("lib/python*/site-packages/anycann"))
    hidden = package.rename(package.with_name("hidden"))
    result = toolkit.execute(python, "-c", "print(1)")
    hidden.rename(package)
    assert succeeded(result) == "1\n" and result.stderr == ""
    succeeded(toolkit.execute(anycann, "disable"))


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb on this machine")
def test_debian_packages(toolkit, repository, stage, tmp_path):
    main, system = pack("deb", toolkit, repository, stage, tmp_path)
    files = succeeded(toolkit.execute("dpkg-deb", "-c", main))
    assert "./opt/anycann/lib64/libascendcl.so" in files
    assert "./usr/bin/anycann -> /opt/anycann/bin/anycann" in files
    assert "ld.so.conf.d" not in files, "must not shadow a real toolkit"
    assert all(line.split()[1] == "root/root" for line in files.splitlines())
    assert "./etc/ld.so.conf.d/anycann.conf" in succeeded(toolkit.execute("dpkg-deb", "-c", system))
    succeeded(toolkit.execute("dpkg-deb", "-x", main, tmp_path / "root"))
    program = tmp_path / "root/opt/anycann/bin/anycann"
    home = succeeded(toolkit.execute(program, "home")).strip()
    assert home == str(tmp_path / "root/opt/anycann")
    assert succeeded(toolkit.execute(program, "info"))


USERS_TEST = """
import torch


def test_sum():
    assert (torch.ones(3, device="npu") * 2).sum().item() == 6
"""


@pytest.mark.slow
def test_the_example_of_the_readme(toolkit, repository, wheel, tmp_path):
    """The steps of README's workflow, as GitHub's runner runs them, in a project of a user."""
    readme = (repository / "README.md").read_text()
    steps = re.findall(r"^ +- run: (.*)$", readme, re.MULTILINE)
    assert len(steps) == 2 and "pip install" in steps[0] and "pytest" in steps[1]
    (tmp_path / "ci").mkdir()
    shutil.copy(wheel, tmp_path / "ci")
    (tmp_path / "test_mine.py").write_text(USERS_TEST)
    succeeded(toolkit.execute(sys.executable, "-m", "venv", tmp_path / "venv"))
    path = f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}"
    for step in steps:
        command = ["bash", "-e", "-c", f"cd {tmp_path} && {step}"]
        told = succeeded(toolkit.execute(*command, timeout=1200, PATH=path))
    assert "1 passed" in told


class Terminal:
    """An interactive bash, as a user types into it."""

    def __init__(self, toolkit, setup):
        self.main, side = pty.openpty()
        self.shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            env=toolkit.environment(PS1="", TERM="dumb", INPUTRC="/dev/null"),
            stdin=side, stdout=side, stderr=side, start_new_session=True,
        )  # fmt: skip
        os.close(side)
        self.type("bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'\n")
        self.type(f"{setup}; echo read''y\n")
        self.wait_for("ready")

    def type(self, text):
        os.write(self.main, text.encode())

    def wait_for(self, word, seconds=60):
        """What the terminal shows until |word|, and with it."""
        shown, end = "", time.monotonic() + seconds
        while word not in shown:
            if not select.select([self.main], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {word!r} in {shown!r}")
            shown += os.read(self.main, 4096).decode(errors="replace")
        return shown

    def complete(self, line, word):
        """Types |line| and a tab until |word| is shown, then takes the line back."""
        self.type(line + "\t")
        shown = self.wait_for(word)
        self.type("\x15")
        return shown

    def close(self):
        os.killpg(self.shell.pid, signal.SIGKILL)
        self.shell.wait()
        os.close(self.main)


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash on this machine")
def test_completion(toolkit):
    """By the line that `anycann help` gives."""
    folder = Path(toolkit.command).parent
    terminal = Terminal(toolkit, f'PATH="{folder}:$PATH"; eval "$(anycann completion)"')
    try:
        terminal.complete("anycann cov", "coverage")
        terminal.complete("anycann e", "explain")
        terminal.complete("anycann run --dev", "--devices")
        terminal.complete("anycann ops -", "--json")
        terminal.complete("anycann ops Sigmo", "Sigmoid")
        terminal.complete("anycann help sel", "selftest")
    finally:
        terminal.close()


@pytest.mark.skipif(not Path(LOADER).exists(), reason="no bash-completion on this machine")
def test_completion_is_found_where_packages_put_it(toolkit, stage, tmp_path):
    """The folder that Debian's package and `make install PREFIX=/usr` fill."""
    folder = Path(toolkit.command).parent
    setup = f'PATH="{folder}:$PATH"; XDG_DATA_DIRS={stage}/share; . {LOADER}'
    terminal = Terminal(toolkit, setup)
    try:
        terminal.complete("anycann cov", "coverage")
    finally:
        terminal.close()


def test_completion_in_the_wheel(toolkit, environment):
    installed = environment / "share/bash-completion/completions/anycann"
    told = succeeded(toolkit.execute(environment / "bin" / "anycann", "completion"))
    assert installed.read_text() == told
