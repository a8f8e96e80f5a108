"""Other people's binaries find every name they were linked with, and load with all of them bound.

The names come from the clients' own symbol tables, not from ours.
"""

from pathlib import Path

import elf
import pytest
from conftest import TOOLKIT, client_folder
from generator import tables

# Binaries whose library is not shipped on purpose (a "switch" in api/libraries.tsv).
SWITCHED_OFF = {"libop_plugin_atb.so": "libatb.so"}


def torch_npu_binaries():
    folder = client_folder("torch_npu")
    return folder, sorted(p for p in folder.rglob("*.so") if not p.is_symlink())


def torch_folder():
    return client_folder("torch") / "lib"


def interpreter_symbols():
    import sys

    names = set(elf.symbols(Path(sys.executable).resolve())[1])
    for path in elf.closure([Path(sys.executable).resolve()], [])[0]:
        names |= elf.symbols(path)[1]
    return names


def unresolved(path, with_process, folders):
    """|path|'s undefined symbols, after what a process that loads it has."""
    files, missing = elf.closure([path, *with_process], folders)
    left = elf.unresolved(path, files)
    return left - interpreter_symbols(), missing


def test_torch_npu_symbols(lib64):
    folder, binaries = torch_npu_binaries()
    torch = torch_folder()
    process = [torch / "libtorch_python.so", folder / "lib" / "libtorch_npu.so"]
    process += folder.rglob("_torchair.so")
    assert len(binaries) >= 5
    for path in binaries:
        left, missing = unresolved(path, process, [lib64, torch, folder / "lib"])
        switch = SWITCHED_OFF.get(path.name)
        if switch:
            name = switch.removeprefix("lib").removesuffix(".so")
            assert tables.libraries()[name]["kind"] == "switch"
            assert missing == {switch}
            left = {s for s in left if "3atb" not in s}
        else:
            assert not missing, f"{path.name}: no library {missing}"
        assert not left, f"{path.name}: {sorted(left)}"


def onnxruntime_provider():
    path = client_folder("onnxruntime") / "capi" / "libonnxruntime_providers_cann.so"
    if not path.exists():
        pytest.skip("onnxruntime-cann is not installed")
    return path


def test_onnxruntime_symbols(lib64):
    path = onnxruntime_provider()
    left, missing = unresolved(path, [], [lib64])
    assert not missing
    assert not {s for s in left if "Provider_" not in s}


def test_import_torch_npu(python):
    """Both orders of import: torch_npu alone pulls torch, torch alone finds torch_npu's hook."""
    client_folder("torch_npu")
    assert "npu" in python("import torch, torch_npu; print(torch.device('npu:0'))")
    assert python("import torch_npu; print('ok')").strip() == "ok"


def test_torchair_loads(python):
    folder = client_folder("torch_npu") / "dynamo" / "torchair" / "core"
    names = sorted(p.name for p in folder.glob("_*.so"))
    # The compiler's own library comes first in its process too, and serves the others.
    names.sort(key=lambda name: name != "_torchair.so")
    assert len(names) >= 4
    python(
        "import ctypes, os, torch, torch_npu\n"
        f"for name in {names}:\n"
        f"    ctypes.CDLL({str(folder)!r} + '/' + name, os.RTLD_NOW | os.RTLD_GLOBAL)\n"
    )


def test_recorded_names_cover_the_wheel():
    """api/clients names every link-time symbol of the wheel that our libraries provide."""
    _, binaries = torch_npu_binaries()
    ours = set()
    for path in (TOOLKIT / "lib64").glob("*.so"):
        ours |= elf.symbols(path)[1]
    ours = {s for s in ours if not s.startswith("acn_")}
    recorded = {r["symbol"] for r in tables.read("clients/torch_npu.tsv") if r["kind"] == "link"}
    used = set().union(*(elf.symbols(p)[0] for p in binaries)) & ours
    assert used <= recorded, sorted(used - recorded)
