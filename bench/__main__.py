"""`python -m bench [compare|soak|held|profile]`, from the root of the repository.

python -m bench                       the whole comparison, about twenty minutes
python -m bench --quick               nginx, Envoy and Guardhouse within 90 seconds
python -m bench --only envoy,guardhouse --figures chat --rounds 3
"""

import argparse
import resource
import sys

import uvloop

from bench import plan, registry, report
from bench.compare import compare


def _names(known: tuple[str, ...]) -> "argparse._ActionType":
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
    parser.add_argument("--quick", action="store_true", help="light contenders only, within 90 seconds")
    parser.add_argument("--only", type=_names(registry.NAMES), help="contenders, separated by commas")
    parser.add_argument("--figures", type=_names(plan.FIGURES), default=plan.FIGURES, help="figures, by commas")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="window of each figure")
    return parser.parse_args(given)


def raise_file_limit() -> None:
    """Held streams need two descriptors each, here and (by inheritance) in every contender."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(given: list[str]) -> int:
    asked = arguments(given)
    raise_file_limit()
    names = asked.only or (registry.QUICK if asked.quick else registry.NAMES)
    make = plan.quick if asked.quick else plan.full
    outcome = uvloop.run(compare(make(names, asked.figures, asked.rounds, asked.seconds)))
    path = report.save(outcome)
    print(report.markdown(outcome))
    print(f"saved as {path} and {path.with_suffix('.md').name}", file=sys.stderr)
    return 1 if any(result.trouble for result in outcome.results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
