"""`guardhouse doctor`: looks at everything a gateway needs and says what to do where something is amiss."""

import typer

from guardhouse.cli.output import CONFIG, AsJson, Config, answer
from guardhouse.control.diagnosis import Finding, examine
from guardhouse.policy.load import Loaded, load

_SIGNS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}


def doctor(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Examine configuration, state, ports, limits, parsers and targets; exit with 1 if there is a problem.

    Example: guardhouse doctor --config guardhouse.yaml
    """
    loaded = load(config)
    if isinstance(loaded, Loaded):
        seen = f"{config}: revision {loaded.snapshot.revision}"
        findings = [Finding("configuration", "ok", seen), *examine(loaded.settings, loaded.snapshot)]
    else:
        findings = [Finding("configuration", "problem", str(problem), "correct that line") for problem in loaded]
    healthy = all(finding.status != "problem" for finding in findings)
    answer({"ok": healthy, "findings": findings}, "\n".join(map(_line, findings)), as_json=as_json)
    if not healthy:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    remedy = f"\n         -> {finding.remedy}" if finding.remedy else ""
    return f"{_SIGNS[finding.status]}  {finding.subject}: {finding.seen}{remedy}"
