# Cross build for aarch64 with Debian's compiler; programs of the build and C tests run under qemu-user:
#   cmake -G Ninja -S . -B build-aarch64 -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake
# `make check-aarch64` does that, and puts cmocka for aarch64 into build-aarch64/sysroot.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_STRIP aarch64-linux-gnu-strip)
set(CMAKE_NM aarch64-linux-gnu-nm)
set(CMAKE_FIND_ROOT_PATH "${CMAKE_BINARY_DIR}/sysroot" /usr/aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
# qemu keeps a note for each page of the addresses that are reserved: a window of 1 TiB would take
# gigabytes of them. Within 32 GiB the library makes do with less.
set(CMAKE_CROSSCOMPILING_EMULATOR
    qemu-aarch64 -R 32G -E ANYCANN_MEMORY=2G -L /usr/aarch64-linux-gnu)
