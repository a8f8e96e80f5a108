"""Every public function of the runtime that can ask for memory stands in a scenario in which memory
runs out (tests/unit/test_scarcity*.c). Which those are is read from the compiled objects: what a
function calls, down to malloc and its kin. A call through a pointer counts as one that may ask.
"""

import collections
import re
import shutil
import subprocess

import pytest
from conftest import ROOT
from generator import tables

GROUPS = (
    "init version log error device context stream event callback notify valuesync memory vmm ipc "
    "timeout numeric cmo capture model_ri allocator util tensordesc op opcompile soma label "
    "recovery"
).split()
ASKING = {
    "malloc", "calloc", "realloc", "strdup", "strndup", "aligned_alloc", "posix_memalign", "mmap",
    "mremap", "pthread_create", "fopen", "fdopen", "open_memstream", "asprintf", "vasprintf",
    "getline", "opendir", "setenv", "memfd_create",
}  # fmt: skip
# Where an error is told: each scenario that fails goes through it.
TELLING = {"acn_fail", "acn_error_report"}
FUNCTION = re.compile(r"[0-9a-f]+ <([\w.]+)>:$")
DIRECT = re.compile(r"\t(?:call|jmp)\s+[0-9a-f]+ <([\w.]+)>$")
OUTSIDE = re.compile(r"R_X86_64_PLT32\s+([\w.]+)")
POINTER = re.compile(r"\t(?:call|jmp)\s+\*")


def read_calls(objects):
    """{(object, function): names that it calls}; a call through a pointer is "*"."""
    command = ["objdump", "-dr", "--no-show-raw-insn", *map(str, objects)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    calls, place, function = {}, None, None
    for line in text.splitlines():
        if line.endswith("file format elf64-x86-64"):
            place = line.split(":")[0]
        elif found := FUNCTION.match(line):
            function = (place, found[1])
            calls.setdefault(function, set())
        elif found := DIRECT.search(line) or OUTSIDE.search(line):
            calls[function].add(found[1])
        elif POINTER.search(line):
            calls[function].add("*")
    return calls


def find_asking(calls, places, start):
    """How |start| gets to a function that asks for memory: names, or None."""
    todo, before = [start], {start: None}
    while todo:
        here = todo.pop()
        for name in calls[here]:
            there = (here[0], name) if (here[0], name) in calls else (places.get(name), name)
            if name in ASKING or name == "*":
                path = [name]
                while here:
                    path.append(here[1])
                    here = before[here]
                return path[::-1]
            is_telling = name.split(".")[0] in TELLING
            if there in calls and there not in before and not is_telling:
                before[there] = here
                todo.append(there)
    return None


@pytest.fixture(scope="module")
def calls(toolkit):
    core = toolkit.parent / "CMakeFiles" / "acn_core.dir" / "src"
    objects = sorted(core.rglob("*.o"))
    if not objects or not shutil.which("objdump"):
        pytest.skip("needs objdump and the build's objects")
    found = read_calls(objects)
    if not any(found.values()):
        pytest.skip("for x86-64 only")
    return found


def test_reading(calls):
    """The reader sees what is known: who asks, who does not."""
    places = {name: place for place, name in calls}
    names = ("aclrtCreateStreamConfigHandle", "aclrtMalloc", "aclGetTensorDescType")
    ways = {name: find_asking(calls, places, (places[name], name)) for name in names}
    assert ways["aclrtCreateStreamConfigHandle"] == ["aclrtCreateStreamConfigHandle", "calloc"]
    assert ways["aclrtMalloc"] and ways["aclGetTensorDescType"] is None


def test_each_function_that_asks_stands_in_a_scenario(calls):
    sources = (ROOT / "tests" / "unit").glob("test_scarcity*.c")
    named = set(re.findall(r"\w+", " ".join(path.read_text() for path in sources)))
    places = {name: place for place, name in calls}
    unsupported = tables.unsupported_reasons()
    counts, missing = collections.Counter(), []
    for function in tables.functions():
        name = function.name
        if function.group not in GROUPS or name in unsupported or name not in places:
            continue
        counts["all"] += 1
        if name in named:
            counts["in a scenario"] += 1
        elif way := find_asking(calls, places, (places[name], name)):
            missing.append(" -> ".join(way))
        else:
            counts["asks for nothing"] += 1
    assert counts["all"] > 300 and counts["asks for nothing"] > 50, counts
    assert not missing, f"{len(missing)} functions stand in no scenario:\n" + "\n".join(missing)
