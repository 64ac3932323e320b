"""The card in Prometheus' form, read from Redis when it is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gpu import monitor
from gpu.arbiter import CHAT, COMFYUI, DRAW, IDLE, OLLAMA, THINK, Card, line, read
from gpu.arbiter.decisions import is_broken
from live.redis import client


class CardCollector(Collector):
    """Events since Redis began, and the state as it is now. Raises RedisError when it is collected."""

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the card."""
        card = read()
        yield _events()
        yield _waiting(card)
        yield _leases(card)
        yield _resident(card)
        yield _broken(card)
        yield _longest_wait(card)
        yield _memory()


def _events() -> Metric:
    family = CounterMetricFamily(
        "ollama_chat_card_events", "Transitions of the card, by type.", labels=["type"]
    )
    for name, count in sorted(client().hgetall(line.counts_key()).items()):
        family.add_metric([name], float(count))
    return family


def _waiting(card: Card) -> Metric:
    family = GaugeMetricFamily("ollama_chat_card_waiting", "Tickets in line, by stage.", labels=["stage"])
    for stage in (CHAT, THINK, DRAW, IDLE):
        family.add_metric([stage], sum(ticket.stage == stage for ticket in card.tickets))
    return family


def _leases(card: Card) -> Metric:
    family = GaugeMetricFamily("ollama_chat_card_leases", "Leases held, by service.", labels=["service"])
    for service in (OLLAMA, COMFYUI):
        family.add_metric([service], sum(lease.service == service for lease in card.leases))
    return family


def _resident(card: Card) -> Metric:
    family = GaugeMetricFamily(
        "ollama_chat_card_resident", "1 for the service that has the card.", labels=["service"]
    )
    for service in (OLLAMA, COMFYUI):
        family.add_metric([service], float(card.resident == service))
    return family


def _broken(card: Card) -> Metric:
    family = GaugeMetricFamily(
        "ollama_chat_card_broken", "1 while a service is left alone after failures.", labels=["service"]
    )
    now = int(time.time() * 1000)
    for service in (OLLAMA, COMFYUI):
        family.add_metric([service], float(is_broken(card, service, now)))
    return family


def _longest_wait(card: Card) -> Metric:
    now = time.time() * 1000
    longest = max((now - ticket.at for ticket in card.tickets), default=0) / 1000
    return GaugeMetricFamily(
        "ollama_chat_card_longest_wait_seconds", "How long the oldest ticket has waited.", value=longest
    )


def _memory() -> Metric:
    reading = monitor.read()
    family = GaugeMetricFamily(
        "ollama_chat_card_memory_bytes", "The card's memory, by who holds it.", labels=["of"]
    )
    for name in ("total", "used", "ollama", "comfyui", "foreign"):
        family.add_metric([name], float(getattr(reading, name)))
    return family
