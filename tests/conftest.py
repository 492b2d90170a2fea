"""Settings of the whole suite.

Property tests draw the same examples in every run, so a red run can be repeated. A suite that was started in the
background inherits SIGINT ignored, and the processes that it starts and interrupts would inherit that from it.
"""

import signal

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

signal.signal(signal.SIGINT, signal.default_int_handler)
