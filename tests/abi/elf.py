"""What ELF files need and define, read with readelf: nothing here knows the generator."""

import functools
import re
import subprocess
from pathlib import Path


def readelf(*arguments):
    return subprocess.run(
        ["readelf", "-W", *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout


@functools.cache
def needed(path):
    return tuple(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("-d", path)))


@functools.cache
def symbols(path):
    """(undefined, defined) dynamic symbols; weak undefined ones may stay undefined."""
    undefined, defined = set(), set()
    for line in readelf("--dyn-syms", path).splitlines():
        cells = line.split()
        if (
            len(cells) < 8
            or not cells[0].endswith(":")
            or cells[4] not in ("GLOBAL", "WEAK", "UNIQUE")
        ):
            continue
        name = cells[7].split("@")[0]
        if cells[6] != "UND":
            defined.add(name)
        elif cells[4] == "GLOBAL":
            undefined.add(name)
    return frozenset(undefined), frozenset(defined)


@functools.cache
def system_libraries():
    """Those of 64 bits: a machine may have 32-bit ones of the same names."""
    text = subprocess.run(
        ["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True
    ).stdout
    return {m[1]: Path(m[2]) for m in re.finditer(r"^\s+(\S+) \(.*64.*\) => (\S+)$", text, re.M)}


def closure(paths, folders):
    """Files that the loader would map for |paths|, and the names it would not find."""
    todo, seen, missing = [Path(p) for p in paths], {}, set()
    while todo:
        path = todo.pop(0)
        if path.name in seen:
            continue
        seen[path.name] = path
        for name in needed(path):
            places = [Path(folder) / name for folder in [path.parent, *folders]]
            found = next((p for p in places if p.exists()), system_libraries().get(name))
            if found:
                todo.append(found)
            else:
                missing.add(name)
    return list(seen.values()), missing


def unresolved(path, others):
    """Undefined symbols of |path| that none of |others| defines."""
    undefined, defined = symbols(path)
    left = undefined - defined
    for other in others:
        left = left - symbols(other)[1]
    return left
