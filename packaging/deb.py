#!/usr/bin/env python3
"""deb.py TREE OUT - Debian packages of an installed toolkit.

anycann         the tree in /opt/anycann, `anycann` in /usr/bin; nothing that shadows a real toolkit
anycann-system  one line for the loader, so that every program finds the libraries without `run`
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tree

HERE = Path(__file__).resolve().parent
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
# The Debian version of libstdc++6 that brought each set of symbols.
LIBSTDCXX = [((3, 4, 21), "5.2"), ((3, 4, 26), "9"), ((3, 4, 29), "11"), ((3, 4, 30), "12")]

CONTROL = """\
Package: {name}
Version: {version}
Architecture: {machine}
Maintainer: AnyCANN developers <maintainers@anycann.invalid>
Section: science
Priority: optional
Installed-Size: {kib}
Depends: {depends}
{fields}"""

MAIN = """\
Suggests: python3
Description: CANN's published interface on ordinary CPUs
 Programs and binary wheels written for an Ascend NPU run unmodified, with the
 same library names, results and error codes, and no NPU. The toolkit lies in
 /opt/anycann; "anycann run CMD" runs a program on it.
"""

SYSTEM = """\
Conflicts: ascend-cann-toolkit
Description: CANN's published interface on ordinary CPUs - for every program
 Names the libraries of the anycann package to the loader, so that programs
 find them without "anycann run". Not for machines with a real toolkit, which
 it would shadow.
"""


def libstdcxx(toolkit):
    need = toolkit.needs.get("GLIBCXX", (0,))
    return next((debian for symbols, debian in LIBSTDCXX if need <= symbols), "13")


def copy_tree(toolkit, place):
    for source in toolkit.files:
        target = place / source.relative_to(toolkit.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        # Debian's libraries are not executable.
        target.chmod(0o755 if tree.is_program(source) and source.suffix != ".so" else 0o644)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def document(root, name, version):
    """What Debian wants of every package: copyright, a compressed changelog, and why its checker is
    not followed where it is not."""
    folder = root / "usr/share/doc" / name
    folder.mkdir(parents=True)
    shutil.copyfile(HERE / "deb/copyright", folder / "copyright")
    change = (
        f"{name} ({version}) unstable; urgency=low\n\n  * CHANGELOG.md of the project has it.\n\n"
        " -- AnyCANN developers <maintainers@anycann.invalid>  Thu, 01 Jan 2026 00:00:00 +0000\n"
    )
    (folder / "changelog.gz").write_bytes(gzip.compress(change.encode(), 9, mtime=0))
    overrides = root / "usr/share/lintian/overrides" / name
    overrides.parent.mkdir(parents=True)
    shutil.copyfile(HERE / "deb" / f"{name}.lintian-overrides", overrides)


def pack(root, out, name, toolkit, depends, fields):
    """Folders get mode 755 whatever the umask; owners are root's."""
    kib = sum(p.stat().st_size for p in root.rglob("*") if p.is_file()) // 1024 + 1
    machine = MACHINES[toolkit.machine]
    control = CONTROL.format(
        name=name, version=toolkit.version, machine=machine, kib=kib, depends=depends, fields=fields
    )
    write(root / "DEBIAN/control", control)
    for path in root.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    path = out / f"{name}_{toolkit.version}_{machine}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", root, path],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return path


def main_package(toolkit, root, out):
    copy_tree(toolkit, root / "opt/anycann")
    document(root, "anycann", toolkit.version)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/anycann").symlink_to("/opt/anycann/bin/anycann")
    completion = root / "usr/share/bash-completion/completions/anycann"
    completion.parent.mkdir(parents=True)
    shutil.copyfile(toolkit.root / "share/bash-completion/completions/anycann", completion)
    depends = (
        f"libc6 (>= {toolkit.glibc}), libgcc-s1 (>= 3.0), libstdc++6 (>= {libstdcxx(toolkit)})"
    )
    return pack(root, out, "anycann", toolkit, depends, MAIN)


def system_package(toolkit, root, out):
    write(root / "etc/ld.so.conf.d/anycann.conf", "/opt/anycann/lib64\n")
    write(root / "DEBIAN/conffiles", "/etc/ld.so.conf.d/anycann.conf\n")
    write(root / "DEBIAN/triggers", "activate-noawait ldconfig\n")
    document(root, "anycann-system", toolkit.version)
    depends = f"anycann (= {toolkit.version})"
    return pack(root, out, "anycann-system", toolkit, depends, SYSTEM)


def build(toolkit, out):
    for make in (main_package, system_package):
        with tempfile.TemporaryDirectory() as root:
            os.chmod(root, 0o755)
            yield make(toolkit, Path(root), out)


if __name__ == "__main__":
    sys.exit(tree.main(__doc__, build))
