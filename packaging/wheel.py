#!/usr/bin/env python3
"""wheel.py TREE OUT - a wheel of an installed toolkit, for `pip install` beside torch_npu.

The tree lies whole inside the package `anycann`; two console scripts become its programs. The tag
says manylinux_X_Y for the glibc X.Y that the libraries really ask for, and the wheel is not made
when they ask for a newer C++ library than systems with that glibc have.
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

import tree

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parent / "python" / "anycann"
# A wheel is the same bytes for the same tree: files carry no time of their own.
TIME = (2026, 1, 1, 0, 0, 0)
# The newest symbols of libstdc++ and libgcc on the oldest systems of each tag (PEP 600 policies).
CXX = {
    (2, 17): {"GLIBCXX": (3, 4, 19), "CXXABI": (1, 3, 7), "GCC": (4, 8, 0)},
    (2, 28): {"GLIBCXX": (3, 4, 24), "CXXABI": (1, 3, 11), "GCC": (7, 0, 0)},
    (2, 34): {"GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (7, 0, 0)},
    (2, 35): {"GLIBCXX": (3, 4, 30), "CXXABI": (1, 3, 13), "GCC": (12, 0, 0)},
    (2, 39): {"GLIBCXX": (3, 4, 33), "CXXABI": (1, 3, 15), "GCC": (14, 0, 0)},
}

METADATA = """\
Metadata-Version: 2.1
Name: anycann
Version: {version}
Summary: CANN's published interface on ordinary CPUs: run Ascend NPU programs with no NPU
License: Apache-2.0
Requires-Python: >=3.8
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: C
Classifier: Topic :: Scientific/Engineering :: Artificial Intelligence
Description-Content-Type: text/markdown

{description}"""

ENTRY_POINTS = """\
[console_scripts]
anycann = anycann.__main__:main
npu-smi = anycann.__main__:npu_smi
"""


def tag_of(toolkit):
    """The lowest manylinux tag that is true: glibc decides, and the C++ libraries may ask for a
    later one. Between two policies the bounds of the older one hold."""
    glibc = max(toolkit.needs["GLIBC"], min(CXX))
    for version in [glibc, *(v for v in sorted(CXX) if v > glibc)]:
        bounds = CXX[max(v for v in CXX if v <= version)]
        if all(toolkit.needs.get(name, (0,)) <= bound for name, bound in bounds.items()):
            return "manylinux_{}_{}_{}".format(*version, toolkit.machine)
    raise tree.TreeError(f"no manylinux policy allows {toolkit.needs}; build on an older system")


class Wheel:
    """Writes files and remembers what RECORD must say of them."""

    def __init__(self, path):
        self.zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self.records = []

    def add(self, name, data, mode=0o644):
        entry = zipfile.ZipInfo(name, TIME)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o100000 | mode) << 16
        self.zip.writestr(entry, data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        self.records.append(f"{name},sha256={digest},{len(data)}")

    def close(self, record):
        self.records.append(f"{record},,")
        self.zip.writestr(zipfile.ZipInfo(record, TIME), "\n".join(self.records) + "\n")
        self.zip.close()


def build(toolkit, folder):
    tag = f"py3-none-{tag_of(toolkit)}"
    path = folder / f"anycann-{toolkit.version}-{tag}.whl"
    info = f"anycann-{toolkit.version}.dist-info"
    wheel = Wheel(path)
    for source in sorted(PYTHON.glob("*.py")):
        wheel.add(f"anycann/{source.name}", source.read_bytes())
    for source in toolkit.files:
        mode = 0o755 if tree.is_program(source) else 0o644
        name = source.relative_to(toolkit.root).as_posix()
        wheel.add(f"anycann/toolkit/{name}", source.read_bytes(), mode)
    # bash-completion looks beside a program's folder, so in an environment's share, too.
    completion = "share/bash-completion/completions/anycann"
    data = (toolkit.root / completion).read_bytes()
    wheel.add(f"anycann-{toolkit.version}.data/data/{completion}", data)
    description = (HERE / "wheel.md").read_text()
    metadata = METADATA.format(version=toolkit.version, description=description)
    wheel.add(f"{info}/METADATA", metadata.encode())
    wheel.add(
        f"{info}/WHEEL",
        f"Wheel-Version: 1.0\nGenerator: anycann\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    )
    wheel.add(f"{info}/entry_points.txt", ENTRY_POINTS.encode())
    wheel.add(f"{info}/licenses/LICENSE", (toolkit.root / "LICENSE").read_bytes())
    wheel.close(f"{info}/RECORD")
    yield path


if __name__ == "__main__":
    sys.exit(tree.main(__doc__, build))
