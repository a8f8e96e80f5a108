"""The front command and set_env.sh, without any client."""

import json
import os
import shutil
import subprocess

import pytest
from running import succeeded

VARIABLES = {
    "ASCEND_HOME_PATH": "",
    "ASCEND_TOOLKIT_HOME": "",
    "ASCEND_AICPU_PATH": "",
    "ASCEND_OPP_PATH": "opp",
    "TOOLCHAIN_HOME": "toolkit",
}


def variables_of(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def check_variables(toolkit, found):
    for name, relative in VARIABLES.items():
        assert found[name] == str(toolkit.home / relative).rstrip("/")
    assert found["PATH"].split(":")[0] == str(toolkit.home / "bin")
    assert found["LD_LIBRARY_PATH"].split(":")[0] == str(toolkit.home / "lib64")
    assert found["PYTHONPATH"].split(":")[0] == str(toolkit.home / "python/site-packages")


def test_run_sets_the_variables_and_becomes_the_command(toolkit):
    result = toolkit.anycann("run", "--devices", "3", "--soc=Ascend910B3", "env")
    found = variables_of(succeeded(result))
    check_variables(toolkit, found)
    assert found["ANYCANN_DEVICES"] == "3"
    assert found["ANYCANN_SOC"] == "Ascend910B3"
    assert toolkit.anycann("run", "sh", "-c", "exit 42").returncode == 42
    options = toolkit.anycann("run", "--", "echo", "--devices", "x")
    assert succeeded(options) == "--devices x\n"


def test_run_keeps_what_is_in_the_lists(toolkit):
    old = f"/a:{toolkit.home}/lib64:/b"
    result = toolkit.anycann("run", "env", LD_LIBRARY_PATH=old)
    assert variables_of(succeeded(result))["LD_LIBRARY_PATH"] == f"{toolkit.home}/lib64:/a:/b"


def test_run_drops_the_toolkit_that_was_active_before(toolkit, tmp_path):
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64" / "libascendcl.so").touch()
    old = {"ASCEND_HOME_PATH": str(tmp_path), "LD_LIBRARY_PATH": f"{tmp_path}/lib64:/a"}
    result = toolkit.anycann("run", "env", **old)
    assert variables_of(succeeded(result))["LD_LIBRARY_PATH"] == f"{toolkit.home}/lib64:/a"


@pytest.mark.parametrize(
    "words, code",
    [
        ((), 2),
        (("nonsense",), 2),
        (("run",), 2),
        (("run", "--devices", "0", "true"), 2),
        (("run", "--devices", "many", "true"), 2),
        (("run", "--nonsense", "true"), 2),
        (("run", "/no/such/program"), 3),
        (("enable", "--python", "/no/such/python"), 3),
        (("ops", "NoSuchOperator"), 1),
        (("coverage", "--client", "nobody"), 1),
        (("report", "0"), 1),
        (("report", "nonsense"), 2),
    ],
)
def test_exit_codes(toolkit, words, code):
    result = toolkit.anycann(*words)
    assert result.returncode == code
    assert result.stderr.strip(), "says nothing about what was wrong"


def test_help_and_version(toolkit):
    assert "usage: anycann" in succeeded(toolkit.anycann("help"))
    assert succeeded(toolkit.anycann("--help")) == succeeded(toolkit.anycann("help"))
    assert succeeded(toolkit.anycann("--version")).startswith("anycann ")
    assert succeeded(toolkit.anycann("home")).strip() == str(toolkit.home)


@pytest.mark.parametrize("words", [["trace", "--help"], ["help", "trace"], ["trace", "-h"]])
def test_help_of_one_verb(toolkit, words):
    text = succeeded(toolkit.anycann(*words))
    assert text.startswith("usage: anycann trace [-o FOLDER] CMD...\n")


def test_lists_in_json(toolkit):
    env = json.loads(succeeded(toolkit.anycann("env", "--json", ANYCANN_SOC="Ascend910B4")))
    values = {row["variable"]: row["value"] for row in env}
    assert values["ANYCANN_SOC"] == "Ascend910B4"

    info = json.loads(succeeded(toolkit.anycann("info", "--json", ANYCANN_DEVICES="2")))
    assert info["devices"] == 2
    assert info["toolkit"] == str(toolkit.home)
    assert info["operators"] > 0

    ops = {row["operator"]: row for row in json.loads(succeeded(toolkit.anycann("ops", "--json")))}
    assert "aclnnInplaceAdd" in ops["Add"]["aclnn"].split()
    assert {"f32", "f16", "bf16", "i64"} <= set(ops["Add"]["types"].split())

    parts = json.loads(succeeded(toolkit.anycann("ops", "aclnnAdd", "--json")))
    assert parts[0]["name"] == "Add", "found by its public name, too"
    assert [row["name"] for row in parts if row["part"] == "input"] == ["x1", "x2"]


def test_reference_pages(toolkit):
    """Made by the build; every operator and every function is on them."""
    pages = toolkit.home / "share/doc/anycann"
    operators = (pages / "operators.md").read_text()
    assert operators == succeeded(toolkit.anycann("ops", "--markdown"))
    for row in json.loads(succeeded(toolkit.anycann("ops", "--json"))):
        assert f"\n## {row['operator']}\n\n{row['meaning']}" in operators
    assert "| attribute | `perm` | ints | required |" in operators
    assert " aclrtMalloc(void **devPtr" in (pages / "api.md").read_text()
    assert "| 107002 | ACL_ERROR_RT_CONTEXT_NULL |" in (pages / "codes.md").read_text()


@pytest.mark.parametrize("client", ["torch_npu", "onnxruntime-cann"])
def test_coverage_lists_every_symbol_with_its_state(toolkit, client):
    result = toolkit.anycann("coverage", "--client", client, "--json")
    rows = json.loads(succeeded(result))
    assert len(rows) > 50
    assert {row["client"] for row in rows} == {client}
    assert all(row["symbol"] and row["state"] for row in rows)


def test_the_tree_can_be_moved(toolkit, tmp_path):
    """Regular files only, no path of the build in it."""
    for path in toolkit.home.rglob("*"):
        assert not path.is_symlink(), path
    moved = tmp_path / "else where"
    shutil.copytree(toolkit.home, moved)
    result = toolkit.execute(moved / "bin" / "anycann", "run", "env")
    assert variables_of(succeeded(result))["ASCEND_HOME_PATH"] == str(moved)
    assert succeeded(toolkit.execute(moved / "bin" / "anycann", "info"))


SHELLS = [name for name in ("bash", "zsh") if shutil.which(name)]


@pytest.mark.parametrize("shell", SHELLS)
def test_set_env(toolkit, shell):
    script = f"set -eu; cd /; . '{toolkit.home}/set_env.sh'"
    once = succeeded(toolkit.execute(shell, "-c", f"{script}; env"))
    check_variables(toolkit, variables_of(once))
    twice = succeeded(toolkit.execute(shell, "-c", f"{script}; {script}; env"))
    lists = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "CMAKE_PREFIX_PATH")
    for name in lists:
        assert variables_of(once)[name] == variables_of(twice)[name]
    relative = f"set -eu; cd '{toolkit.home.parent}'; . {toolkit.home.name}/set_env.sh; env"
    check_variables(toolkit, variables_of(succeeded(toolkit.execute(shell, "-c", relative))))


def test_set_env_says_what_sh_must_do(toolkit):
    shell = shutil.which("dash")
    if not shell:
        pytest.skip("no dash on this machine")
    result = toolkit.execute(shell, "-c", f". '{toolkit.home}/set_env.sh' && env")
    assert "env --export" in result.stderr and "ASCEND_HOME_PATH" not in result.stdout
    way = f'eval "$({toolkit.command} env --export)"; env'
    check_variables(toolkit, variables_of(succeeded(toolkit.execute(shell, "-c", way))))


def test_cann_version_as_clients_read_it(toolkit):
    """torch_npu walks the tree for this file and takes the first line with `version` in it."""
    files = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(toolkit.home)
        for name in names
        if name.startswith("ascend_") and name.endswith("_install.info")
    ]
    assert len(files) == 1
    with open(files[0]) as file:
        line = next(line for line in file if "version" in line)
    assert line.split("=")[1].strip() == "9.1.0"


def test_libraries_need_nothing_but_each_other_and_libc(toolkit):
    """C programs get no libstdc++ through the C libraries."""
    output = subprocess.run(
        ["readelf", "-d", toolkit.home / "lib64" / "libanycann.so"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    needed = [line.split("[")[1].rstrip("]") for line in output.splitlines() if "NEEDED" in line]
    assert needed and all(n.startswith(("libc.", "libm.", "ld-linux")) for n in needed), needed
