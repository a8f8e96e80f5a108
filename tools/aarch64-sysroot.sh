#!/bin/sh
# aarch64-sysroot.sh DIR - puts cmocka for aarch64 into DIR, from Debian's archive, for C tests of the
# cross build. The machine's own package lists and architectures stay as they are. Where the archive
# has no aarch64 (Ubuntu keeps that elsewhere) it says so, and C tests are left out of the build.
set -eu
dir=$1
[ ! -e "$dir/usr/lib/aarch64-linux-gnu/libcmocka.so" ] || exit 0
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
        -o Dir::State::Lists="$work/lists" -o Dir::State::status=/dev/null \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@"
}
if ! (cd "$work" && apt update && apt download libcmocka-dev libcmocka0) >"$work/log" 2>&1; then
    tail -3 "$work/log" >&2
    echo "aarch64-sysroot.sh: no cmocka for aarch64; C tests are left out" >&2
    exit 0
fi
for package in "$work"/*.deb; do
    dpkg -x "$package" "$dir"
done
