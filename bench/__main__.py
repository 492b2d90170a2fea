"""`python -m bench`, from the root of the repository: the comparison, or one of the long checks.

python -m bench                       the whole comparison, about half an hour
python -m bench --quick               nginx, Envoy and Guardhouse within 90 seconds
python -m bench --only envoy,guardhouse --figures chat --rounds 3
python -m bench --profile             flame graphs and tables of the Guardhouse worker at saturation
python -m bench soak                  a million events through a masked stream: does memory stay flat?
python -m bench held                  two thousand idle streams: KiB each
python -m bench grpc                  a call of KServe v2 over gRPC, for each size of text
python -m bench keys                  a hundred thousand API keys: how they are read, and what they weigh
"""

import argparse
import resource
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import uvloop

from bench import calls, flame, goals, keys, plan, registry, report, soak
from bench.compare import compare


def _names(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'}: not among {', '.join(known)}")
        return names

    return parse


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("check", nargs="?", choices=("compare", "soak", "held", "keys", "grpc"), default="compare")
    parser.add_argument("--quick", action="store_true", help="light contenders only, within 90 seconds")
    parser.add_argument("--only", type=_names(registry.NAMES), help="contenders, separated by commas")
    parser.add_argument("--figures", type=_names(plan.FIGURES), help="figures, separated by commas")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="window of each figure")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the soak")
    parser.add_argument("--profile", action="store_true", help="profile instead of measuring")
    return parser.parse_args(given)


def raise_file_limit() -> None:
    """Held streams need two descriptors each, here and (by inheritance) in every contender."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")


def _soak(asked: argparse.Namespace) -> int:
    found = uvloop.run(soak.soak(asked.events))
    print(soak.show(found, report.FOLDER, _stamp()))
    return 0 if found.flat else 1


def _profile(asked: argparse.Namespace) -> int:
    report.FOLDER.mkdir(exist_ok=True)
    for contender in registry.chosen(list(asked.only or ("guardhouse",))):
        stem = report.FOLDER / f"profile-{_stamp()}-{contender.name}"
        for path in uvloop.run(
            flame.profile(contender, asked.figures or ("chat", "burst"), asked.seconds or 4.0, stem)
        ):
            print(path)
    return 0


def _plan(asked: argparse.Namespace) -> plan.Plan:
    if asked.check == "held":
        return plan.full(asked.only or ("guardhouse",), ("held",), asked.rounds or 1, asked.seconds)
    names = asked.only or (registry.QUICK if asked.quick else registry.NAMES)
    make = plan.quick if asked.quick else plan.full
    return make(names, asked.figures, asked.rounds, asked.seconds)


def _compare(asked: argparse.Namespace) -> int:
    outcome = uvloop.run(compare(_plan(asked)))
    text = report.markdown(outcome) + goals.table(outcome)
    path = report.save(outcome, text)
    print(text)
    print(f"saved as {path} and {path.with_suffix('.md').name}", file=sys.stderr)
    return 1 if any(result.trouble for result in outcome.results) else 0


def main(given: list[str]) -> int:
    asked = arguments(given)
    raise_file_limit()
    if asked.profile:
        return _profile(asked)
    if asked.check == "grpc":
        print(calls.show(uvloop.run(calls.measure(asked.seconds or 3.0))))
        return 0
    if asked.check == "keys":
        print(keys.show(keys.run()))
        return 0
    return _soak(asked) if asked.check == "soak" else _compare(asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
