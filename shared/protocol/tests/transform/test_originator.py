"""Who is the business originator, and who signs (gbcs.md section 5)."""

from __future__ import annotations

from typing import Any

import pytest

from dccemu_protocol.errors import ProtocolError
from dccemu_protocol.identifiers import Eui64

USER = Eui64.parse("90-B3-D5-1F-30-01-00-00")
BROKER = Eui64.parse("90-B3-D5-1F-30-00-00-02")
COS_PARTY = Eui64.parse("90-B3-D5-1F-30-00-00-04")


def test_a_known_user_is_the_originator_with_the_counter_of_the_request(bench: Any) -> None:
    made = bench.make("11.2")
    assert (made.message.originator, made.message.counter, made.signer) == (USER, 1000, None)
    assert made.message.other.supplementary_party is None


def test_a_critical_request_is_signed_by_the_user(bench: Any) -> None:
    made = bench.make("7.1")
    assert made.critical
    assert made.signer == "user"
    assert made.message.signature is None
    assert made.message.mac is None


@pytest.mark.parametrize("changes", [{"user_is_known": False}, {"user_role": "Other"}])
def test_the_broker_sends_for_a_user_that_the_device_does_not_know(bench: Any, changes: dict[str, object]) -> None:
    message = bench.given(**changes).make("11.2").message
    assert (message.originator, message.counter) == (BROKER, 1300)
    assert (message.other.supplementary_party, message.other.supplementary_counter) == (USER, 1000)


@pytest.mark.parametrize(
    ("kind", "srv"), [("CHF", "8.9"), ("PPMID", "11.2"), ("HCALCS", "8.9"), ("ESME", "4.6.2"), ("ESME", "9.1")]
)
def test_some_commands_are_always_the_brokers(bench: Any, kind: str, srv: str) -> None:
    period = (
        "<ReadLogPeriod><StartDateTime>2015-01-01T00:00:00Z</StartDateTime>"
        "<EndDateTime>2015-01-02T00:00:00Z</EndDateTime></ReadLogPeriod>"
    )
    message = bench.of(kind).make(srv, period if srv == "4.6.2" else "").message
    assert message.originator == BROKER
    assert message.other.supplementary_party == USER


def test_the_broker_names_nobody_when_it_acts_in_its_own_right(bench: Any) -> None:
    message = bench.make("6.24.1", "<RemotePartyRole>Supplier</RemotePartyRole>").message
    assert message.originator == BROKER
    assert message.other.supplementary_party is None


def test_the_broker_itself_may_ask(bench: Any) -> None:
    message = bench.of("PPMID").given(user_role="Other").make("11.2", user=BROKER).message
    assert message.originator == BROKER
    assert message.other.supplementary_party is None


def test_a_command_only_for_known_users_is_refused_to_others(bench: Any) -> None:
    with pytest.raises(ProtocolError, match="TRANSFORM_USER_NOT_KNOWN"):
        bench.given(user_is_known=False).make("3.1", "<SupplierMessage>hello</SupplierMessage>")


def test_encrypted_data_for_an_unknown_user_need_his_certificate(bench: Any) -> None:
    period = (
        "<ReadLogPeriod><StartDateTime>2015-01-01T00:00:00Z</StartDateTime>"
        "<EndDateTime>2015-01-02T00:00:00Z</EndDateTime></ReadLogPeriod>"
    )
    with pytest.raises(ProtocolError) as refusal:
        bench.given(user_is_known=False).make("4.14", period)
    assert refusal.value.rule == "KEY_AGREEMENT_CERTIFICATE"
    bad = f"{period}<KAPublicSecurityCredentials>AAEC</KAPublicSecurityCredentials>"
    with pytest.raises(ProtocolError) as refusal:
        bench.make("4.14", bad)
    assert refusal.value.rule == "KEY_AGREEMENT_CERTIFICATE"
    assert refusal.value.place == "/Request/Body/ReadPrepaymentDailyReadLog/KAPublicSecurityCredentials"


def test_the_cos_party_makes_changes_of_supplier(bench: Any) -> None:
    with pytest.raises(ProtocolError, match="CoS Party"):
        bench.make("6.23")


def test_a_counter_of_a_dcc_role_is_taken_only_where_it_sends(bench: Any) -> None:
    taken: list[Eui64] = []

    def take(party: Eui64) -> int:
        taken.append(party)
        return 7

    there = bench.given(next_role_counter=take)
    there.make("11.2")
    assert taken == []
    there.given(next_role_counter=take, user_is_known=False).make("11.2")
    assert taken == [BROKER]
