"""The side-by-side benchmark: what a request and a streamed event cost in Guardhouse, next to its peers.

`python -m bench` from the root of the repository; docs/benchmarks.md says how to read what it prints. The parts:
prose and payload make the bytes, upstream answers them, load and streams send them, cpu reads the price from /proc,
figures turns these into numbers, compare repeats that over rounds and contenders, report writes it down.
"""
