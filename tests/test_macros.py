"""What the macros of `sql/views/macros.sql` say, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.queries import sql
from tests.conftest import asked

if TYPE_CHECKING:
    from pathlib import Path


def answer(lake: Path, macro: str, *arguments: str | None) -> object:
    """Return what a macro makes of texts."""
    listed = ", ".join("NULL" if text is None else f"'{text}'" for text in arguments)
    [row] = asked(lake, f"SELECT {macro}({listed}) AS answer")
    return row["answer"]


IP_KINDS = {
    "10.0.12.31": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "172.32.0.1": "public",
    "192.168.1.1": "private",
    "192.169.1.1": "public",
    "100.64.0.1": "private",
    "100.127.255.255": "private",
    "100.128.0.1": "public",
    "169.254.169.254": "private",
    "127.0.0.1": "private",
    "203.0.113.77": "public",
    "8.8.8.8": "public",
    "255.255.255.255": "public",
    "256.1.1.1": "other",
    "1.2.3": "other",
    "1.2.3.4.": "other",
    "1.2.3.4, 5.6.7.8": "other",
    "2001:db8::1": "public",
    "2600:1f18:4c12:9a00:1:2:3:4": "public",
    "fd00:ec2::254": "private",
    "fe80::1": "private",
    "::1": "private",
    "health.amazonaws.com": "AWS service",
    "config.cn-north-1.amazonaws.com.cn": "AWS service",
    "AWS Internal": "AWS Internal",
    "AWS Internal/3": "AWS Internal",
    "": "other",
    "HIDDEN": "other",
    None: "absent",
}


@pytest.mark.parametrize(("ip", "kind"), IP_KINDS.items())
def test_an_address_is_of_a_kind(lake_of_two: Path, ip: str | None, kind: str) -> None:
    assert answer(lake_of_two, "ip_kind", ip) == kind


SUITES = {
    # OpenSSL's names, up to TLS 1.2: forward secrecy, weakness
    "ECDHE-RSA-AES128-GCM-SHA256": (True, None),
    "ECDHE-ECDSA-CHACHA20-POLY1305": (True, None),
    "DHE-RSA-AES256-GCM-SHA384": (True, None),
    "ECDHE-RSA-AES128-SHA": (True, "no authenticated encryption"),
    "ECDHE-RSA-AES256-SHA384": (True, "no authenticated encryption"),
    "AES128-SHA": (False, "no forward secrecy"),
    "AES128-GCM-SHA256": (False, "no forward secrecy"),
    "CAMELLIA128-SHA": (False, "no forward secrecy"),
    "DES-CBC3-SHA": (False, "DES or 3DES"),
    "EDH-RSA-DES-CBC3-SHA": (True, "DES or 3DES"),
    "ECDHE-RSA-RC4-SHA": (True, "RC4"),
    "RC4-MD5": (False, "RC4"),
    "EXP-RC4-MD5": (False, "export grade"),
    "NULL-SHA256": (False, "no encryption"),
    # IANA's
    "TLS_AES_128_GCM_SHA256": (True, None),
    "TLS_CHACHA20_POLY1305_SHA256": (True, None),
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": (True, None),
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": (True, "no authenticated encryption"),
    "TLS_RSA_WITH_AES_128_GCM_SHA256": (False, "no forward secrecy"),
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": (False, "DES or 3DES"),
    "TLS_RSA_WITH_NULL_SHA": (False, "no encryption"),
    # no cipher suites
    "cipherSuite": (None, None),
    "-": (None, None),
    "": (None, None),
    None: (None, None),
}


@pytest.mark.parametrize(("suite", "expected"), SUITES.items())
def test_a_cipher_suite_is_judged_by_its_name(
    lake_of_two: Path, suite: str | None, expected: tuple[bool | None, str | None]
) -> None:
    assert expected == (
        answer(lake_of_two, "forward_secrecy", suite),
        answer(lake_of_two, "cipher_weakness", suite),
    )


@pytest.mark.parametrize(
    ("key_exchange", "expected"),
    [
        ("X25519MLKEM768", True),
        ("x25519mlkem768", True),
        ("SecP256r1MLKEM768", True),
        ("secp256r1_kyber-512-r3", True),
        ("x25519", False),
        ("secp256r1", False),
        (None, None),
    ],
)
def test_a_key_exchange_is_post_quantum_in_any_spelling(
    lake_of_two: Path, key_exchange: str | None, expected: object
) -> None:
    assert answer(lake_of_two, "is_post_quantum", key_exchange) == expected


@pytest.mark.parametrize(
    ("last_seen", "active"),
    [("2024-02-28T12:00:00", True), ("2024-02-21T12:00:01", True), ("2024-02-21T12:00:00", False)],
)
def test_a_caller_is_active_for_a_week(lake_of_two: Path, last_seen: str, active: object) -> None:
    [row] = asked(
        lake_of_two,
        f"SELECT is_active('{last_seen}'::TIMESTAMP, '2024-02-28 12:00:00'::TIMESTAMP) AS active",
    )

    assert row["active"] == active


@pytest.mark.parametrize(
    ("category", "management", "expected"),
    [
        ("'Data'", "NULL", True),
        ("'Data'", "false", True),
        ("'Management'", "true", False),
        ("'NetworkActivity'", "NULL", False),
        ("NULL", "false", True),
        ("NULL", "NULL", False),
    ],
)
def test_a_data_event_is_known_by_its_category_or_by_not_being_a_management_event(
    lake_of_two: Path, category: str, management: str, expected: object
) -> None:
    [row] = asked(lake_of_two, f"SELECT is_data_event({category}, {management}) AS data")

    assert row["data"] == expected


def test_every_judgement_names_where_it_is_written() -> None:
    text = sql("views/macros")

    for macro in ("ip_kind", "cipher_weakness", "is_post_quantum"):
        comment = text.partition(f"MACRO {macro}(")[0].rpartition(";\n")[2]
        assert "https://" in comment, macro
