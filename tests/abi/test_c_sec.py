"""libc_sec.so: bounds are kept, mistakes empty the destination and have their own codes."""

import pytest

INVALID, RANGE, OVERLAP, RESET = 22, 34, 54, 128

# (call, code, the eight bytes afterwards)
CASES = [
    ("memcpy_s(b, size(8), b'abc', size(3))", 0, b"abc4567\0"),
    ("memcpy_s(b, size(2), b'abc', size(3))", RANGE | RESET, b"\0\x0034567\0"),
    ("memcpy_s(b, size(8), None, size(3))", INVALID | RESET, bytes(8)),
    ("memcpy_s(None, size(8), b'abc', size(3))", INVALID, b"1234567\0"),
    ("memcpy_s(b, size(0), b'abc', size(0))", RANGE, b"1234567\0"),
    ("memcpy_s(b, size(8), ctypes.byref(b, 1), size(3))", OVERLAP | RESET, bytes(8)),
    ("memmove_s(b, size(8), ctypes.byref(b, 1), size(3))", 0, b"2344567\0"),
    ("memset_s(b, size(8), 65, size(2))", 0, b"AA34567\0"),
    ("memset_s(b, size(2), 65, size(3))", RANGE | RESET, b"AA34567\0"),
    ("strcpy_s(b, size(8), b'seven77')", 0, b"seven77\0"),
    ("strcpy_s(b, size(8), b'eight888')", RANGE | RESET, b"\x00234567\0"),
    ("strncpy_s(b, size(8), b'eight888', size(3))", 0, b"eig\x00567\0"),
    ("strcat_s(b, size(8), b'8')", RANGE | RESET, b"\x00234567\0"),
    ("strcat_s(b, size(8), b'')", 0, b"1234567\0"),
    ("snprintf_s(b, size(8), size(7), b'%d!', 42)", 3, b"42!\x00567\0"),
    ("snprintf_s(b, size(8), size(2), b'%d', 4242)", -1, b"42\x004567\0"),
    ("sprintf_s(b, size(4), b'%d', 4242)", -1, b"\x0024\x00567\0"),
    ("sprintf_s(b, size(4), None)", -1, b"\x00234567\0"),
]


@pytest.fixture(scope="module")
def results(python, lib64):
    calls = "".join(
        f"b = ctypes.create_string_buffer(b'1234567', 8)\nprint(s.{call}, bytes(b).hex())\n"
        for call, _, _ in CASES
    )
    library = str(lib64 / "libc_sec.so")
    code = f"import ctypes\ns = ctypes.CDLL({library!r})\nsize = ctypes.c_size_t\n{calls}"
    return python(code).splitlines()


@pytest.mark.parametrize("index", range(len(CASES)), ids=[c[0].split("(")[0] for c in CASES])
def test_case(results, index):
    call, code, after = CASES[index]
    assert results[index] == f"{code} {after.hex()}", call
