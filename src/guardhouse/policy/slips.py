"""What a YAML parser stumbles over, in the words of somebody who writes configurations.

A parser tells where it could not go on and which token it wanted. People want to know what they forgot, and where: of a
bracket that is never closed the line of the bracket, not the one after it; of a block that does not fit, that it is
indented differently. The keys here are the messages of PyYAML's own scanner and parser; what is not among them is
passed on as it is.
"""

import yaml

_BLOCK = "expected <block end>, but found "
_FLOW = "expected ',' or "
_NO_START = "that cannot start any token"


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line to look at (0: none), and what is wrong there."""
    problem, context = error.problem or "not valid YAML", error.context or ""
    line = error.problem_mark.line + 1 if error.problem_mark else 0
    opened = error.context_mark.line + 1 if error.context_mark else line
    if "'\\t'" in problem:
        return line, "a tab stands where blanks must indent"
    if context == "while scanning an alias":
        return line, 'an asterisk has a meaning of its own in YAML; put it in quotes: "*"'
    if context == "while scanning a quoted scalar":
        return opened, "the quotation mark that is opened here is not closed"
    if problem == "expected the node content, but found '<stream end>'":
        return line, "the file ends inside brackets"
    if problem.startswith(_FLOW):
        return _in_brackets(problem, opened, line)
    if problem.startswith(_BLOCK):
        closing = problem.removeprefix(_BLOCK) in ("']'", "'}'")
        return (
            line,
            "a bracket is closed that was not opened" if closing else "indented differently from the lines above",
        )
    if problem == "mapping values are not allowed here" and error.problem_mark:
        return line, _second_colon(text.splitlines(), line, error.problem_mark.column)
    if problem.endswith(_NO_START):
        return line, f"a value cannot begin with {problem.split(' ')[2]}; put it in quotes"
    return line, "; ".join(part for part in (context, problem) if part)


def _in_brackets(problem: str, opened: int, line: int) -> tuple[int, str]:
    closer, _, got = problem.removeprefix(_FLOW).partition(", but got ")
    opener = {"']'": "[", "'}'": "{"}.get(closer, "bracket")
    if got in ("'{'", "'['"):
        return line, f"a {got[1]} has a meaning of its own inside brackets; put the whole value in quotes"
    if line > opened or got in ("']'", "'}'", "'<stream end>'"):
        return opened, f"the {opener} that is opened here is not closed"
    return line, f"a comma or the closing {closer[1:-1]} is missing"


def _second_colon(lines: list[str], line: int, column: int) -> str:
    here = lines[line - 1]
    if ":" in here[:column]:
        return "a second colon stands in one value; put the value in quotes"
    before = next((above for above in reversed(lines[: line - 1]) if above.strip()), "")
    if _indent(before) == _indent(here):
        return "the line above lacks a blank after its colon, or the colon"
    return "indented differently from the lines above"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
