"""docs/life-of-a-request.md tells the path in the words of the code: its headings are the stages, in their order."""

import re
from pathlib import Path

from guardhouse.path import carriage, pipeline, record, response, upstream

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "life-of-a-request.md").read_text()

# what the pipeline calls around its lists of stages
BEFORE = ["listener"]
AFTER = [
    f"record.{record.open_.__name__}",
    f"carriage.{carriage.Carriage.start.__name__}",
    f"upstream.{upstream.UpstreamConnection.send.__name__}",
    f"response.{response.Response.received.__name__}",
    f"record.{record.close.__name__}",
]


def stages(listed: pipeline.Stages) -> list[str]:
    return [f"{name}.{function.__name__}" for name, function in listed]


def test_the_headings_are_the_stages_in_their_order() -> None:
    headings = re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)
    assert headings == [*BEFORE, *stages(pipeline.HEAD_STAGES), *stages(pipeline.BODY_STAGES), *AFTER]


def test_a_stage_is_named_after_its_file() -> None:
    for name, function in (*pipeline.HEAD_STAGES, *pipeline.BODY_STAGES):
        assert function.__module__ == f"guardhouse.path.{name}"


def test_every_file_of_the_path_is_on_the_page() -> None:
    files = {path.stem for path in (ROOT / "src" / "guardhouse" / "path").glob("[!_]*.py")}
    told = set(re.findall(r"`(?:path/)?(\w+)\.py`", PAGE)) | set(re.findall(r"^### (\w+)", PAGE, re.MULTILINE))
    assert files <= told, f"not on the page: {sorted(files - told)}"
