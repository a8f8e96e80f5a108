"""What the documents show is what is there."""

import re

import pytest
from running import REPOSITORY, succeeded

DOCUMENTS = sorted(REPOSITORY.glob("*.md")) + sorted(REPOSITORY.glob("docs/**/*.md"))


def test_the_recipe_is_the_real_file_and_row():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    code = re.search(r"```c\n(.*?)```", text, re.DOTALL)[1]
    assert code == (REPOSITORY / "src/ops/math/sign.c").read_text()
    row = re.search(r"```\n(aclnnSign\t.*?)```", text, re.DOTALL)[1]
    assert row in (REPOSITORY / "api/aclnn.tsv").read_text()


def test_the_recipe_works(toolkit):
    code = """
import torch
x = torch.tensor([-2.0, -0.0, 3.0, float("nan"), float("inf")])
assert torch.equal(x.npu().sign().cpu(), x.sign())
n = torch.tensor([-(2**62) - 1, 0, 5])
assert torch.equal(n.npu().sign().cpu(), n.sign())
"""
    succeeded(toolkit.python(code))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not link.startswith(("http:", "https:")):
            assert (document.parent / link).exists(), link
