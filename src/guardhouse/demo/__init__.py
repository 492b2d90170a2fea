"""The demonstration: a sample model server, a gateway before it, and a story told with real traffic.

It knows the gateway from outside only, through its command, its ports and its files, and imports nothing of it: what it
shows is what any caller and any operator would see. `guardhouse demo` starts it as `python -m guardhouse.demo`.
"""
