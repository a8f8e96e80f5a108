"""The first minutes of a user: import torch, the two seed checks, enable and disable."""

import re
import sys
import sysconfig

import pytest
from running import succeeded

IS_AVAILABLE = "import torch;import torch_npu;print(torch_npu.npu.is_available())"
ADD = "import torch;import torch_npu;a=torch.randn(3,4).npu();print(a+a)"


# What torch_npu itself says on any machine: of its padding, and of double when it prints floats.
CLIENTS_OWN = ("require processing for 32 padding size", "Device do not support double dtype now")


def check_quiet(result):
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert all(any(own in line for own in CLIENTS_OWN) for line in lines), result.stderr


def check_sum(text):
    assert "device='npu:0'" in text
    numbers = re.findall(r"-?\d+\.\d+", text)
    assert len(numbers) == 12


def run_directly(toolkit, code):
    return toolkit.python(code)


def run_after_set_env(toolkit, code):
    script = f'set -eu; source "{toolkit.home}/set_env.sh"; exec python3 -c "$0"'
    return toolkit.execute("bash", "-c", script, code)


@pytest.mark.parametrize("run", [run_directly, run_after_set_env])
def test_import_torch_alone(toolkit, run):
    """Test number one: torch loads torch_npu by itself, so this fails where CANN is missing."""
    result = run(toolkit, "import torch, sys; print('torch_npu' in sys.modules)")
    assert succeeded(result) == "True\n"
    check_quiet(result)


@pytest.mark.parametrize("run", [run_directly, run_after_set_env])
def test_is_available(toolkit, run):
    result = run(toolkit, IS_AVAILABLE)
    assert succeeded(result) == "True\n"
    check_quiet(result)


@pytest.mark.parametrize("run", [run_directly, run_after_set_env])
def test_sum_on_the_device(toolkit, run):
    result = run(toolkit, ADD)
    check_sum(succeeded(result))
    check_quiet(result)


def test_the_sum_is_right(toolkit):
    code = """
import torch
a = torch.randn(3, 4)
s = (a.npu() + a.npu()).cpu()
assert torch.equal(s, a + a), (s, a + a)
"""
    succeeded(toolkit.python(code))


def test_the_report_names_the_operators(toolkit):
    code = "import torch, os; a=torch.ones(3).npu(); (a+a).cpu(); print(os.getpid())"
    pid = succeeded(toolkit.python(code)).strip()
    assert re.search(r"^aclnnAdd +1 ", succeeded(toolkit.anycann("report", pid)), re.MULTILINE)


def test_devices_and_soc(toolkit):
    code = """
import torch
assert torch.npu.device_count() == 2
assert torch.npu.get_device_name(1) == "Ascend910B3", torch.npu.get_device_name(1)
a = torch.arange(6.0).npu(1)
assert torch.equal((a + a).cpu(), torch.arange(6.0) * 2)
assert torch.equal(a.to("npu:0").cpu(), torch.arange(6.0))
"""
    succeeded(toolkit.python(code, options=("--devices", "2", "--soc", "Ascend910B3")))


@pytest.fixture(scope="module")
def environment(toolkit, tmp_path_factory):
    """A fresh virtual environment that sees the clients of this one."""
    folder = tmp_path_factory.mktemp("environment")
    succeeded(toolkit.execute(sys.executable, "-m", "venv", "--without-pip", folder))
    python = folder / "bin" / "python"
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = succeeded(toolkit.execute(python, "-c", where)).strip()
    with open(f"{packages}/clients.pth", "w") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    return python


def test_enable_and_disable(toolkit, environment):
    assert toolkit.execute(environment, "-c", "import torch").returncode != 0
    assert "not enabled" in succeeded(toolkit.anycann("disable", "--python", environment))

    told = succeeded(toolkit.anycann("enable", "--python", environment))
    assert f"{environment.parent.parent}/lib" in told, "not the interpreter below the environment"
    succeeded(toolkit.anycann("enable", "--python", environment))  # again, to no harm
    assert succeeded(toolkit.execute(environment, "-c", IS_AVAILABLE)) == "True\n"
    result = toolkit.execute(environment, "-c", ADD)
    check_sum(succeeded(result))
    check_quiet(result)

    # Programs that import no client pay nothing.
    code = "import sys; print('ctypes' in sys.modules, 'anycann' in open('/proc/self/maps').read())"
    assert succeeded(toolkit.execute(environment, "-c", code)) == "False False\n"

    # Through the active environment, as a user would.
    root = str(environment.parent.parent)
    assert "disabled" in succeeded(toolkit.anycann("disable", VIRTUAL_ENV=root))
    assert toolkit.execute(environment, "-c", "import torch").returncode != 0


def test_another_toolkit_of_the_shell_wins_over_enable(toolkit, environment, tmp_path):
    succeeded(toolkit.anycann("enable", "--python", environment))
    code = """
import importlib.util, os
importlib.util.find_spec("torch")
print(os.environ["ASCEND_HOME_PATH"])
"""
    result = toolkit.execute(environment, "-c", code, ASCEND_HOME_PATH=str(tmp_path))
    assert succeeded(result).strip() == str(tmp_path)
    succeeded(toolkit.anycann("disable", "--python", environment))
