"""Started by `anycann doctor` in the interpreter that it looks at: tells, one fact a line with tabs
between its words, which clients of CANN are installed. Reads metadata only: no client is imported.

dist NAME VERSION             an installed distribution
need NAME REQUIREMENT FOUND   a requirement of NAME that is not met; FOUND is "" or a version
library NAME FILE             a library of NAME, whose own needs the doctor reads
folder FOLDER                 where libraries of one client may lie beside those of others
enabled FOLDER                what `anycann enable` wrote into this environment
"""

import re
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

CLIENTS = ("torch", "torch_npu", "onnxruntime-cann", "onnxruntime", "mindspore", "anycann")
LIBRARIES = {
    "torch_npu": ("torch_npu/lib/*.so", "torch_npu/_C*.so"),
    "onnxruntime-cann": ("onnxruntime/capi/libonnxruntime_providers_cann.so",),
}


def tell(*words):
    print("\t".join(str(word) for word in words))


def version_of(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def is_met(requirement, version):
    """Knows == with and without a star, which is what clients pin each other with."""
    if not version:
        return False
    match = re.search(r"==\s*([\w.]+?)(\.\*)?\s*(?:[,;)]|$)", requirement)
    if not match:
        return True
    public = version.split("+")[0].split(".post")[0]
    return public == match[1] or bool(match[2] and public.startswith(match[1] + "."))


def tell_needs(name):
    for requirement in metadata.requires(name) or ():
        if "extra ==" in requirement:
            continue
        version = version_of(re.match(r"[\w.-]+", requirement)[0])
        if not is_met(requirement, version):
            tell("need", name, requirement, version)


def tell_libraries(name):
    for pattern in LIBRARIES.get(name, ()):
        root = Path(metadata.distribution(name).locate_file(""))
        for path in sorted(root.glob(pattern)):
            tell("library", name, path)
            tell("folder", path.parent)


def main():
    tell("dist", "python", sys.version.split()[0])
    for name in CLIENTS:
        version = version_of(name)
        if not version:
            continue
        tell("dist", name, version)
        tell_libraries(name)
        if name in LIBRARIES:
            tell_needs(name)
        if name == "torch":
            tell("folder", Path(metadata.distribution(name).locate_file("torch/lib")))
    enabled = Path(sysconfig.get_path("purelib")) / "anycann.pth"
    if enabled.is_file():
        tell("enabled", enabled.read_text().splitlines()[0])


if __name__ == "__main__":
    main()
