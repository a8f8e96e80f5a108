"""Other people's programs on the toolkit that the build made, in processes of their own."""

import os
from pathlib import Path

import pytest
from running import REPOSITORY, Toolkit


@pytest.fixture(scope="session")
def toolkit(tmp_path_factory):
    home = Path(os.environ.get("TOOLKIT", REPOSITORY / "build" / "toolkit"))
    if not (home / "bin" / "anycann").exists():
        pytest.exit(f"no toolkit in {home}; run `make` first", returncode=3)
    return Toolkit(home, tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY
