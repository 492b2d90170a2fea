"""`python -m guardhouse` is the command `guardhouse`; the supervisor starts its children this way."""

from guardhouse.cli.main import app

if __name__ == "__main__":
    app()
