#!/bin/sh
# install-deps.sh - installs the system packages that building and testing need, and only those that
# are missing: on a machine that has them it does nothing, needs no rights and no network.
# Debian 12, Ubuntu 22.04 and later. PYTHON: the interpreter that will make the environments.
# "install-deps.sh aarch64" also installs what the cross build for aarch64 and its tests need.
set -eu
: "${PYTHON:=python3}"

missing=
need() { # need PACKAGE COMMAND...: the package is wanted unless the command succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
has_header() { printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <%s>\n' "$1" | cc -E -x c -; }

need gcc command -v gcc
need g++ command -v g++
need libc6-dev has_header stdlib.h
need cmake command -v cmake
need ninja-build command -v ninja
need libcmocka-dev has_header cmocka.h
need clang-format command -v clang-format
need git command -v git
need python3 command -v "$PYTHON"
need python3-venv "$PYTHON" -c 'import venv, ensurepip'
if [ "${1:-}" = aarch64 ]; then
    need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
    need g++-aarch64-linux-gnu command -v aarch64-linux-gnu-g++
    need libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/include/stdlib.h
    need qemu-user command -v qemu-aarch64
fi

[ -n "$missing" ] || exit 0
echo "missing:$missing"

if ! command -v apt-get >/dev/null; then
    echo "install-deps.sh: knows only apt; please install the equivalents of:$missing" >&2
    exit 3
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps.sh: run as root: apt-get install$missing" >&2
        exit 3
    fi
    sudo=sudo
fi
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
