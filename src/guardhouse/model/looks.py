"""By what a file is told from the one that stood in its place before."""

from pathlib import Path

Looks = list[tuple[int, int, int]]


def looks_of(paths: tuple[Path, ...]) -> Looks | None:
    """None while one is missing."""
    try:
        found = [path.stat() for path in paths]
    except OSError:
        return None
    return [(status.st_ino, status.st_size, status.st_mtime_ns) for status in found]
