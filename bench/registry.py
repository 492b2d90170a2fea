"""Every contender, in the order of the tables."""

from bench.contenders.base import Contender
from bench.contenders.direct import Direct
from bench.contenders.envoy import Envoy
from bench.contenders.guardhouse import Guardhouse, Interpreted, MaskingHits, Messages, PassThrough, Tensors
from bench.contenders.guardhouse_at_scale import HundredRules, TenRules, ThousandRules
from bench.contenders.litellm import LiteLLM
from bench.contenders.nginx import Nginx
from bench.contenders.portkey import Portkey

EVERYONE: tuple[type[Contender], ...] = (
    Direct,
    Nginx,
    Envoy,
    Guardhouse,
    Interpreted,
    PassThrough,
    MaskingHits,
    Messages,
    Tensors,
    TenRules,
    HundredRules,
    ThousandRules,
    Portkey,
    LiteLLM,
)
QUICK = ("direct", "nginx", "envoy", "guardhouse")
BASE = "envoy"  # what ratios refer to
NAMES = tuple(contender.name for contender in EVERYONE)


def chosen(names: list[str]) -> list[Contender]:
    return [contender() for contender in EVERYONE if contender.name in names]
