"""Metrics of the policy itself: which revision is in which slot, and whether somebody has to do something about it."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guardhouse.control.news import slots, waiting_settings
from guardhouse.control.reload import Reloader


class PolicyGauges(Collector):
    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader

    def collect(self) -> Iterator[Metric]:
        edition = self._reloader.edition
        revisions = GaugeMetricFamily(
            "guardhouse_policy_revision", "1 for the revision that is in each slot.", labels=["slot", "revision"]
        )
        for slot, held in slots(edition).items():
            if held:
                revisions.add_metric([slot, held.partition(" ")[0]], 1)
        yield revisions
        share = 0.0 if edition.canary is None else edition.canary.share
        sound = float(self._reloader.file_is_sound)
        for name, text, value in (
            ("guardhouse_policy_canary_percent", "Share of the principals that the canary decides for.", share),
            ("guardhouse_policy_file_sound", "Whether the configuration file was sound when it was last read.", sound),
            (
                "guardhouse_policy_settings_waiting",
                "Settings of the active revision that are read only at the next start.",
                len(waiting_settings(edition)),
            ),
        ):
            yield GaugeMetricFamily(name, text, value=value)
