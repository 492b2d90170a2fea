"""`guardhouse usage`: who uses the gateway at present, and what waits where.

The command asks the gateway that runs from the same state directory, by touching a file there, and shows what it
publishes (control/usage_desk.py). Without a gateway there is no present to show.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import msgspec
import typer

from guardhouse.cli.output import CONFIG, AsJson, Config, answer, refuse, settings_or_refuse
from guardhouse.control.state import State
from guardhouse.control.usage_desk import UsageReport

_WITHIN = 3.0  # seconds for the gateway to answer
_PAUSE = 0.05
_AGAIN = 2.0  # seconds between two reports of --watch
_CLEAR = "\x1b[2J\x1b[H"

_decode = msgspec.json.Decoder(UsageReport).decode


def usage(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="Only this one.")] = "",
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="Show the N busiest.")] = 20,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, every two seconds.")] = False,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what each principal uses at present, the credentials in use, and what is under way and waiting.

    Example: guardhouse usage --top 5 --watch
    """
    with suppress(KeyboardInterrupt):  # the way in which people end it
        while True:
            report = _narrowed(asked(config, as_json=as_json), principal, top)
            text = shown(report)
            answer(report, _CLEAR + text if watch else text, as_json=as_json)
            if not watch:
                return
            time.sleep(_AGAIN)


def asked(config: Any, *, as_json: bool) -> UsageReport:
    """What the gateway that runs says of itself."""
    state = State(settings_or_refuse(config, as_json=as_json).state)
    asked_at = time.time()
    try:
        state.usage_wanted.touch(mode=0o600)
    except OSError:
        refuse("no gateway serves from this state directory", as_json=as_json)
    while time.time() - asked_at < _WITHIN:
        with suppress(OSError, msgspec.MsgspecError):
            report = _decode(state.usage.read_bytes())
            if report.at >= asked_at:
                return report
        time.sleep(_PAUSE)
    return refuse("no gateway answers; is one running from this state directory?", as_json=as_json)


def _narrowed(report: UsageReport, principal: str, top: int) -> UsageReport:
    wanted = [usage for usage in report.principals if principal in ("", usage.principal)]
    return msgspec.structs.replace(report, principals=wanted[:top])


def shown(report: UsageReport) -> str:
    lines = [("PRINCIPAL", "REQ/MIN", "TOK/MIN", "REQ/HOUR", "REFUSED", "TOKENS IN", "TOKENS OUT", "CREDENTIALS")]
    lines += [
        (
            each.principal,
            f"{each.requests_per_minute:g}",
            f"{each.tokens_per_minute:g}",
            str(each.requests),
            str(each.refused),
            str(each.input_tokens),
            str(each.output_tokens),
            ",".join(each.credentials) or "-",
        )
        for each in report.principals
    ]
    second = [("WORKER", "CONNECTIONS", "UNDER WAY", "HELD", "MEMORY", "QUEUES (IN USE/LIMIT, WAITING)", "LIMITS")]
    second += [
        (
            name,
            str(worker.connections),
            str(worker.exchanges),
            str(worker.held),
            ", ".join(f"{of.held >> 20}/{of.limit >> 20} MiB" for of in worker.memory.values()) or "-",
            "; ".join(f"{target} {of.in_use}/{of.limit}, {of.waiting}" for target, of in worker.targets.items()) or "-",
            f"store {worker.limits_store}" if worker.limits_store else "own",
        )
        for name, worker in report.workers.items()
    ]
    return f"{_table(lines)}\n\n{_table(second)}"


def _table(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
