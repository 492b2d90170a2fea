"""Writes docs/reasons.md from the enum: `python -m guardhouse.cli.reasons > docs/reasons.md` (`make docs`)."""

from guardhouse.model.reason import Fault, Reason

_HEAD = """\
# Reasons

Every refusal has a reason with a stable code: it is the `code` of the error body, the `reason` of the journal's closed
record, and a label of the metrics. A code never changes its meaning. *Retry* says whether the same request may succeed
later without being changed; where a time is known, the answer carries `retry-after`.

This page is generated from `guardhouse/model/reason.py`; do not edit it.
"""
_FAULTS: dict[Fault, str] = {
    "caller": "The caller's",
    "upstream": "The model server's",
    "gateway": "The gateway's own",
}


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_section(fault, title) for fault, title in _FAULTS.items())


def _section(fault: Fault, title: str) -> str:
    rows = [
        f"| `{reason.code}` | {reason.status} | {'yes' if reason.retry else 'no'} | {reason.message} |\n"
        for reason in Reason
        if reason.fault == fault
    ]
    return f"\n## {title}\n\n| code | status | retry | message |\n|---|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
