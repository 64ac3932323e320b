"""A client says nothing about its own address; a proxy of ours does."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import AuditEntry, User
from ollamachat import env
from ollamachat.proxies import is_proxy, read_networks

CLAIMED = "198.51.100.1"


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("172.18.0.5", True),
        ("::ffff:172.18.0.5", True),
        ("2001:db8::7", True),
        ("172.19.0.5", False),
        ("192.168.1.9", False),
        ("2001:db8::8", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_a_proxy_is_here_or_named(settings: LazySettings, peer: str, expected: bool) -> None:
    settings.TRUSTED_PROXIES = read_networks(["172.18.0.0/16", "2001:db8::7"])
    assert is_proxy(peer) is expected


def test_what_is_no_network_stops_the_start() -> None:
    with pytest.raises(env.EnvError, match="TRUSTED_PROXIES cannot be used: 'nginx'"):
        read_networks(["nginx"])


@pytest.mark.parametrize(
    ("peer", "noted"), [("127.0.0.1", CLAIMED), ("172.18.0.5", CLAIMED), ("192.0.2.7", "192.0.2.7")]
)
def test_the_audit_log_has_the_address_that_nobody_can_forge(
    settings: LazySettings, admin_client: Client, alice: User, peer: str, noted: str
) -> None:
    settings.TRUSTED_PROXIES = read_networks(["172.18.0.0/16"])
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    admin_client.post(
        f"/admin/accounts/user/{alice.pk}/sign-out/",
        REMOTE_ADDR=peer,
        headers={"x-forwarded-for": f"203.0.113.9, {CLAIMED}"},
    )
    assert AuditEntry.objects.get().address == noted


@pytest.mark.django_db
@pytest.mark.parametrize(("peer", "secure"), [("127.0.0.1", True), ("192.0.2.7", False)])
def test_https_is_believed_of_a_proxy_alone(
    settings: LazySettings, client: Client, peer: str, secure: bool
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 60
    page = client.get("/accounts/login/", REMOTE_ADDR=peer, headers={"x-forwarded-proto": "https"})
    assert ("Strict-Transport-Security" in page.headers) is secure
