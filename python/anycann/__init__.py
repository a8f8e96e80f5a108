"""AnyCANN as a Python package: the toolkit tree inside the wheel, and nothing else.

anycann.home()    the tree's root, for tools that want CANN's ASCEND_HOME_PATH
"""

from pathlib import Path


def home():
    """The root of the toolkit that came with this package."""
    return Path(__file__).resolve().parent / "toolkit"
