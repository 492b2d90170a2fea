"""`models.X.features`: what of a model may be used, each switched on, off, or on for a share of the principals.

What is not named is on. The switches are those of the section `features`, so that a share of the principals is the same
share from day to day. What of these a request wants is said in inspect/abilities.py.
"""

from guardhouse.model.ability import ABILITIES as WORDS
from guardhouse.policy import kinds
from guardhouse.policy.reading import Kind, MapOf
from guardhouse.policy.sections.features import Flags, parse_flag, show_flag

ABILITIES: Kind[Flags] = MapOf(
    kinds.Choice("feature of a model", {str(word): str(word) for word in WORDS}),
    kinds.Figure(
        parse_flag,
        show_flag,
        r"(on|off|[0-9]{1,2}(\.[0-9])?%)",
        "a switch; write on, off, or a share of the principals such as 5%",
    ),
)
