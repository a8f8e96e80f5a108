"""The libraries of CANN's names: what they export and need, any order of linking and loading."""

import ctypes
import itertools
import subprocess

import elf
import pytest
from conftest import TOOLKIT
from generator import tables

SHIPPED = {n: r for n, r in tables.libraries().items() if r["state"] == "shipped"}
LINKED = ["ascendcl", "acl_op_compiler", "nnopbase", "opapi"]
PROGRAM = """
#include "acl/acl.h"
#include "acl/acl_op_compiler.h"
#include "aclnn/acl_meta.h"
int main(void) {
    aclrtRunMode mode = ACL_DEVICE;
    const aclIntArray *array = aclCreateIntArray(NULL, 0);
    (void)aclrtGetRunMode(&mode);
    (void)aclGetRecentErrMsg();
    (void)aclDestroyIntArray(array);
    (void)aclSetCompileopt(ACL_OP_JIT_COMPILE, NULL);
    return 0;
}
"""


def coverage():
    lines = (TOOLKIT / "share" / "anycann" / "coverage.tsv").read_text().splitlines()
    return [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]


@pytest.mark.parametrize("name", SHIPPED)
def test_exports(lib64, name):
    """Exactly the table's names, whoever made them; regular files, found beside one another."""
    path = lib64 / f"lib{name}.so"
    assert path.is_file() and not path.is_symlink()
    dynamic = elf.readelf("-d", path)
    assert f"[lib{name}.so]" in dynamic and "$ORIGIN" in dynamic
    exported = elf.symbols(path)[1]
    if SHIPPED[name]["kind"] == "ge":
        rows = tables.read("cxx_symbols.tsv")
        assert exported >= {r["symbol"] for r in rows if r["library"] == name}
        assert all(s.startswith(("_ZN2ge", "_ZNK2ge")) for s in exported)
        return
    listed = [f for f in tables.functions() if name in f.libraries]
    if name == "opapi":
        pairs = {(r.name, r.name + "GetWorkspaceSize") for r in tables.aclnn_rows()}
        assert all((a in exported) == (b in exported) for a, b in pairs)
        exported = exported - {name for pair in pairs for name in pair}
    assert {f.name for f in listed if not f.is_probed} <= exported <= {f.name for f in listed}


@pytest.mark.parametrize("name", [n for n in tables.libraries() if n not in SHIPPED])
def test_switches_are_off(lib64, name):
    assert not (lib64 / f"lib{name}.so").exists()


@pytest.mark.parametrize("name", SHIPPED)
def test_loads_alone(python, lib64, name):
    python(f"import ctypes; ctypes.CDLL({str(lib64 / f'lib{name}.so')!r}, 2)")


def test_c_programs_get_no_cxx_run_time(lib64):
    for name, row in SHIPPED.items():
        if row["kind"] == "c":
            files, missing = elf.closure([lib64 / f"lib{name}.so"], [lib64])
            assert not missing
            assert not [f for f in files if "stdc++" in f.name], name


def test_core_exports_only_its_tables(lib64):
    """All other state is private: two copies of a name could never meet."""
    assert all(
        s.startswith(("acn_door_", "acn_tool_", "acn_ge_"))
        for s in elf.symbols(lib64 / "libanycann.so")[1]
    )
    assert all(s.startswith("acn_ge_") for s in elf.symbols(lib64 / "libanycann_ge.so")[1])
    assert "NODELETE" in elf.readelf("-d", lib64 / "libanycann.so")


def test_objects_are_found_through_operators(python, lib64):
    """torch_npu looks up aclCreateTensor with the handle of libopapi.so, rt* by libascendcl.so."""
    python(
        "import ctypes\n"
        f"opapi = ctypes.CDLL({str(lib64 / 'libopapi.so')!r})\n"
        "opapi.aclCreateTensor, opapi.aclDestroyTensor\n"
        f"acl = ctypes.CDLL({str(lib64 / 'libascendcl.so')!r})\n"
        "acl.rtKernelLaunch, acl.MsprofReportApi, acl.vsnprintf_s\n"
    )


@pytest.fixture(scope="module")
def program(tmp_path_factory, include):
    folder = tmp_path_factory.mktemp("program")
    (folder / "main.c").write_text(PROGRAM)
    command = ["gcc", "-std=c11", "-Wall", "-Werror", f"-I{include}", "-c", "main.c"]
    subprocess.run(command, check=True, cwd=folder)
    return folder


@pytest.mark.parametrize("order", list(itertools.permutations(LINKED)), ids="-".join)
def test_any_link_order(program, lib64, environment, order):
    command = ["gcc", "main.o", f"-L{lib64}", *[f"-l{n}" for n in order], "-o", "main"]
    subprocess.run(command, check=True, cwd=program)
    subprocess.run([program / "main"], check=True, env=environment, timeout=60)


@pytest.mark.parametrize("order", list(itertools.permutations(["ascendcl", "opapi", "hccl"])))
def test_any_load_order(python, lib64, order):
    """Whoever comes first, there is one core: an address looked up twice is the same."""
    loads = "".join(f"handles.append(ctypes.CDLL('{lib64}/lib{n}.so'))\n" for n in order)
    python(
        f"import ctypes\nhandles = []\n{loads}"
        "maps = {l.split()[-1] for l in open('/proc/self/maps') if 'libanycann.so' in l}\n"
        "assert len(maps) == 1, maps\n"
    )


def test_unsupported_functions_say_so(lib64, python):
    """Everything that exists before it works fails with its own name; nothing pretends."""
    names = sorted(
        {r["symbol"] for r in coverage() if r["state"] == "unsupported" and r["kind"] != "probe"}
        & {f.name for f in tables.functions() if f.returns == "aclError"}
    )
    if not names:
        pytest.skip("everything that clients link is done")
    libraries = {f.name: f.libraries[0] for f in tables.functions()}
    out = python(
        "import ctypes\n"
        f"folder, libraries = {str(lib64)!r}, { ({n: libraries[n] for n in names})!r}\n"
        "acl = ctypes.CDLL(folder + '/libascendcl.so')\n"
        "acl.aclGetRecentErrMsg.restype = ctypes.c_char_p\n"
        "for name, library in libraries.items():\n"
        "    code = ctypes.CDLL(folder + '/lib' + library + '.so')[name]()\n"
        "    text = acl.aclGetRecentErrMsg()\n"
        "    print(name, code, (text or b'').decode().replace('\\n', ' '))\n"
    )
    for line in out.splitlines():
        name, code, text = line.split(" ", 2)
        assert int(code) == 207000, line
        assert name in text, line


def test_coverage_states(lib64):
    """Each row's state agrees with what the shipped file exports."""
    for row in coverage():
        path = lib64 / row["library"]
        is_exported = path.exists() and row["symbol"] in elf.symbols(path)[1]
        if row["state"] == "absent":
            assert not is_exported, row
        elif row["library"] in {f"lib{n}.so" for n in SHIPPED}:
            assert is_exported, row


def test_handles_are_one_object():
    """ctypes of the test process itself never loads the core: each check is its own process."""
    assert not any("libanycann" in line for line in open("/proc/self/maps"))
    assert ctypes.sizeof(ctypes.c_void_p) == 8


def test_every_row_has_its_operator():
    """A row whose operator or slot is missing is left out by the build: here it is an error."""
    path = TOOLKIT.parent / "gen" / "rows.txt"
    if not path.exists():
        pytest.skip("the toolkit's build tree is not there")
    bad = [line for line in path.read_text().splitlines() if not line.endswith("\tdone")]
    assert not bad, "\n".join(bad)
