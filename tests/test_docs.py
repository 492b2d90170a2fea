"""The generated pages say what the code says."""

from pathlib import Path

from guardhouse.cli import reasons
from guardhouse.model.reason import Reason

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_of_reasons_is_the_enum() -> None:
    assert (DOCS / "reasons.md").read_text() == reasons.page(), "run `make docs`"


def test_every_reason_is_on_the_page_once_and_under_its_fault() -> None:
    sections = reasons.page().split("\n## ")
    for reason in Reason:
        holding = [section for section in sections if f"| `{reason.code}` |" in section]
        assert len(holding) == 1
        assert holding[0].startswith(
            {"caller": "The caller", "upstream": "The model", "gateway": "The gateway"}[reason.fault]
        )


def test_codes_are_unique() -> None:
    codes = [reason.code for reason in Reason]
    assert len(set(codes)) == len(codes)
