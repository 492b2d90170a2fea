"""One file per contender: how it is installed, started, spoken to."""
