"""`python -m guardhouse` is the command `guardhouse`."""

from guardhouse.cli.main import app

if __name__ == "__main__":
    app()
