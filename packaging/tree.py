"""What packages must know of an installed toolkit tree: its version, its machine, and what its
files need of the system. Read from the files themselves with readelf, so that claims are true.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

# Libraries that every Linux with that C library has, or that the C++ ones may ask for.
SYSTEM = re.compile(
    r"lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so\.\d+|ld-linux-(x86-64|aarch64)\.so\.\d"
)


class TreeError(Exception):
    """A tree that no honest package can be made from; the text says file, cause and remedy."""


def numbers(version):
    return tuple(int(part) for part in version.split("."))


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def files(root):
    """Regular files, in a fixed order; packages hold no links."""
    out = sorted(path for path in root.rglob("*") if not path.is_dir())
    links = [path for path in out if path.is_symlink()]
    if links:
        raise TreeError(f"{links[0]} is a link; a toolkit has regular files only")
    return out


def is_program(path):
    return bool(path.stat().st_mode & 0o100)


class Tree:
    """An installed toolkit: what `cmake --install` made."""

    def __init__(self, root):
        self.root = Path(root)
        self.files = files(self.root)
        info = next(self.root.glob("*-linux/ascend_toolkit_install.info"), None)
        if info is None:
            raise TreeError(f"{root} is no toolkit; run `make install PREFIX={root}` first")
        lines = dict(line.split("=", 1) for line in info.read_text().splitlines() if "=" in line)
        self.version = lines["provider"].split()[-1]
        self.machine = lines["arch"]
        self.needs = self._needs()

    def _needs(self):
        """{"GLIBC": (2, 34), "GLIBCXX": (3, 4, 21) ...}: the newest version of each set that any
        file asks for."""
        needs = {}
        for path in filter(is_elf, self.files):
            text = subprocess.run(
                ["readelf", "-W", "-d", "-V", path], check=True, capture_output=True, text=True
            ).stdout
            own = {file.name for file in self.files}
            for name in re.findall(r"\(NEEDED\).*\[(.+)\]", text):
                if name not in own and not SYSTEM.fullmatch(name):
                    raise TreeError(f"{path} needs {name}, which is neither in the tree nor libc")
            for name, version in re.findall(r"Name: ([A-Z]+)_([0-9.]+) ", text):
                needs[name] = max(needs.get(name, (0,)), numbers(version))
        return needs

    @property
    def glibc(self):
        return ".".join(map(str, self.needs["GLIBC"]))


def main(doc, build):
    """The command line of a packer: |build| makes packages of a Tree in a folder and yields their
    paths."""
    if len(sys.argv) != 3:
        print(doc, file=sys.stderr)
        return 2
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    os.umask(0o022)
    try:
        for path in build(Tree(sys.argv[1]), out):
            print(path)
    except TreeError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return 1
    return 0
