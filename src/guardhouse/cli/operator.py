"""Who is at the command line, for what is recorded of it."""

import getpass
import os


def whoever() -> str:
    """The person behind the command, through sudo as well; the number where the machine knows no name."""
    named = os.environ.get("SUDO_USER")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
