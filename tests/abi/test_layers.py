"""Includes go down the layers only, and doors hold no operator code."""

import re
import subprocess

import pytest
from conftest import ROOT, TOOLKIT
from generator import tables

# A folder may include itself and what stands after it.
LAYERS = {
    "doors": {"graph", "hccl", "ops", "runtime", "device", "base"},
    "graph": {"ops", "runtime", "device", "base"},
    "hccl": {"ops", "runtime", "device", "base"},
    "ops": {"runtime", "device", "base"},
    "runtime": {"device", "base"},
    "device": {"base"},
    "base": set(),
    "tools": {"doors", "base"},  # of doors only src/doors/anycann, see below
}
PUBLIC = {"acl", "aclnn", "aclnnop", "hccl"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def sources():
    return sorted(p for p in (ROOT / "src").rglob("*.*") if p.suffix in (".c", ".h", ".cpp"))


def layer_of(path):
    return path.relative_to(ROOT / "src").parts[0]


def test_every_folder_is_a_layer():
    assert {layer_of(p) for p in sources()} <= set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_includes_go_down(layer):
    wrong = []
    for path in sources():
        if layer_of(path) != layer:
            continue
        for name in INCLUDE.findall(path.read_text()):
            target = name.split("/")[0]
            if target in LAYERS and target not in LAYERS[layer] | {layer}:
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert not wrong, "\n".join(wrong)


def test_tools_use_only_their_own_door():
    for path in sources():
        if layer_of(path) == "tools":
            names = [n for n in INCLUDE.findall(path.read_text()) if n.startswith("doors/")]
            assert all(n.startswith("doors/anycann/") for n in names), path


def test_public_headers_are_for_doors():
    """Public names are defined in doors only; the layers below speak acn_*."""
    wrong = []
    for path in sources():
        if layer_of(path) in ("doors", "tools"):
            continue
        for name in INCLUDE.findall(path.read_text()):
            target = name.split("/")[0]
            if target in PUBLIC and not (ROOT / "src" / name).exists():
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert not wrong, "\n".join(wrong)


def nm(paths, *arguments):
    run = subprocess.run(
        ["nm", *arguments, *map(str, paths)], check=True, capture_output=True, text=True
    )
    return run.stdout


def test_doors_call_no_operator():
    """By the linker's view, whatever is included: door objects use the life of a call (src/ops/*.c)
    but nothing that a family folder or a kernel defines."""
    build = TOOLKIT.parent
    core = build / "CMakeFiles" / "acn_core.dir"
    if not core.exists():
        pytest.skip("the toolkit's build tree is not there")
    # src/doors/anycann exports none of CANN's names: it tells the anycann command what is here.
    doors = [p for p in (core / "src" / "doors").rglob("*.o") if p.parent.name != "anycann"]
    doors.append(core / "gen" / "aclnn.c.o")
    operators = [p for p in (core / "src" / "ops").rglob("*.o") if p.parent.name != "ops"]
    operators += list(build.glob("CMakeFiles/acn_kernels_*.dir/**/*.o"))
    assert len(doors) > 1 and operators
    used = set(re.findall(r" U (\w+)$", nm(doors, "-u"), re.M))
    inside = set(re.findall(r" [TDBRW] (\w+)$", nm(operators, "-g", "--defined-only"), re.M))
    assert not used & inside, sorted(used & inside)


def test_aclnn_functions_come_from_rows():
    """No door defines an operator's public name by hand: all are rows, generated."""
    names = {r.name for r in tables.aclnn_rows()}
    names |= {f.name for f in tables.functions()}
    by_hand = set()
    for path in (ROOT / "src" / "doors").rglob("*.c"):
        found = re.findall(r"^aclnnStatus\s+(aclnn\w+)\s*\(", path.read_text(), re.M)
        by_hand |= {n for n in found if n not in {f.name for f in tables.functions()}}
    assert not by_hand
    assert names
