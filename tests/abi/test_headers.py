"""Every public header compiles alone, in every language that clients use, without a warning."""

import subprocess

import pytest
from generator import headers

LANGUAGES = {
    "c11": ["gcc", "-std=c11", "-xc"],
    "c++11": ["g++", "-std=c++11", "-xc++"],
    "c++14": ["g++", "-std=c++14", "-xc++"],
    "c++17": ["g++", "-std=c++17", "-xc++"],
}
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wundef"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_header_alone(include, language, tmp_path):
    failed = []
    found = sorted(str(p.relative_to(include)) for p in include.rglob("*.h"))
    assert set(found) >= set(headers.paths()) | set(headers.cxx_paths())
    if language.startswith("c1"):
        found = sorted(set(found) - set(headers.cxx_paths()))
    for header in found:
        source = tmp_path / "one.c"
        # Twice, since guards must work; a declaration, since macros alone are no translation unit.
        source.write_text(f'#include "{header}"\n#include "{header}"\nextern int acn_nothing;\n')
        command = [*LANGUAGES[language], *WARNINGS, f"-I{include}", "-fsyntax-only", source]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(f"{header}: {done.stderr}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_headers_together(include, language, tmp_path):
    source = tmp_path / "all.c"
    more = [] if language.startswith("c1") else headers.cxx_paths()
    source.write_text("".join(f'#include "{p}"\n' for p in headers.paths() + more))
    command = [*LANGUAGES[language], *WARNINGS, f"-I{include}", "-fsyntax-only", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
