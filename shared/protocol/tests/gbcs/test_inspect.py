"""``inspect``: what a message says, in names, units and texts; the vectors' own names are the expectation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest

from dccemu_protocol.gbcs.envelope import CRA, GbcsMessage
from dccemu_protocol.gbcs.errors import GbcsError
from dccemu_protocol.gbcs.inspect import inspect, text
from dccemu_protocol.gbcs.jsontree import Json
from dccemu_protocol.gbcs.keysource import KeystoreKeys
from dccemu_protocol.gbcs.read import MessageKind, read

SHARED_NAMES = ("ECS47", "ECS62", "ECS70", "GCS28", "CS04", "CS02a")
"""Use cases whose Responses, or whole exchanges, only the Service Request tells apart."""
COMMAND = bytes.fromhex(
    "dd000000000000471100000000df090100000000000003e80890b3d51f300100000800db1234567890a00002005913d9200003e8"
    "00010100010000000201ff02010000a25a51a93bafa5c9e2b224bd"
)
PRE_COMMAND = bytes.fromhex(
    "df090100000000000003e80890b3d51f300100000800db1234567890a00002004f15d9200003e8000103000900000a006aff0101120033"
)


class Vector(Protocol):
    name: str
    octets: bytes
    message: GbcsMessage

    @property
    def use_case(self) -> str: ...


def nodes(tree: Json) -> Iterator[dict[str, Json]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def one_node(tree: Json, name: str, value: Json) -> dict[str, Json]:
    return next(node for node in nodes(tree) if node.get(name) == value)


def test_object_of_a_command_without_keys() -> None:
    tree = inspect(COMMAND)

    assert list(tree) == [
        "kind", "use_case", "message_code", "title", "originator", "recipient", "counter", "signature", "mac", "body",
    ]  # fmt: skip
    assert tree == {
        "kind": "command",
        "use_case": "ECS52",
        "message_code": "0059",
        "title": "ECS52 Read ESME/Comms Hub Firmware Version",
        "originator": "90-B3-D5-1F-30-01-00-00",
        "recipient": "00-DB-12-34-56-78-90-A0",
        "counter": 1000,
        "signature": "absent",
        "mac": "unknown-key",
        "body": {
            "protocol": "DLMS",
            "invoke_id": "200003e8",
            "accesses": [
                {
                    "operation": "get",
                    "class": 1,
                    "class_name": "Data",
                    "obis": "0-0:0.2.1.255",
                    "object": "firmware version",
                    "attribute": 2,
                    "member": "value",
                }
            ],
        },
    }


@pytest.mark.parametrize("trailer", [b"", b"\x00"])
def test_command_without_protection_is_a_pre_command(trailer: bytes) -> None:
    found = read(PRE_COMMAND + trailer)

    assert found.kind is MessageKind.PRE_COMMAND
    assert found.use_case == "ECS42"


def test_every_vector_is_named_and_told_apart(gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys) -> None:
    kinds = {CRA.RESPONSE: "response", CRA.ALERT: "alert"}
    named = 0
    for one in gbcs_vectors:
        tree = inspect(one.octets, published_keys)
        kind = "precommand" if one.name.endswith("_PRECOMMAND") else kinds.get(one.message.cra, "command")
        assert tree["kind"] == kind, one.name
        use_case = tree["use_case"]
        assert isinstance(use_case, str)
        if use_case == one.use_case:
            named += 1
        else:
            assert use_case.startswith(SHARED_NAMES) or one.message.message_code == 0x0113, one.name
    assert named >= 1069


def test_every_vector_becomes_json_and_text(gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys) -> None:
    encrypted = 0
    for one in gbcs_vectors:
        tree = inspect(one.octets, published_keys)
        assert json.loads(json.dumps(tree)) == tree, one.name
        assert json.dumps(inspect(one.octets, published_keys)) == json.dumps(tree)
        assert f"  kind          {tree['kind']}\n" in text(tree)
        for node in nodes(tree["body"]):
            assert "error" not in node or "_ERROR_" in one.name, one.name
            if node.get("encrypted") is True:
                encrypted += 1
                assert node.get("opened") is True or "decrypted" in node, one.name
                decrypted = node.get("decrypted")
                assert not isinstance(decrypted, dict) or decrypted["type"] != "unknown", one.name
    assert encrypted >= 49


def test_every_object_and_result_of_the_vectors_has_a_name(
    gbcs_vectors: tuple[Vector, ...], published_keys: KeystoreKeys
) -> None:
    for one in gbcs_vectors:
        for node in nodes(inspect(one.octets, published_keys)["body"]):
            if "obis" in node:
                assert node["object"], (one.name, node["obis"])
                assert node["member"], (one.name, node)
            if "cluster" in node:
                assert node["command"], one.name
            if set(node) == {"code", "text"}:
                assert node["text"], (one.name, node)
            if set(node) == {"code", "name", "critical"}:
                assert node["name"], (one.name, node)


def test_encrypted_energy_registers_have_units(vector: Callable[[str], Vector], published_keys: KeystoreKeys) -> None:
    tree = inspect(vector("ECS17b_4.1.1_SINGLE_SUCCESS_RESPONSE").octets, published_keys)

    blob = one_node(tree, "encrypted", True)
    assert one_node(blob, "unit", "Wh")["scaled"] == "10"
    assert one_node(tree, "operation", "action")["object"] == "data protection: import registers"
    assert tree["date_time"] == "2015-01-01T00:00:00Z"


def test_gas_summation_has_its_unit(vector: Callable[[str], Vector], published_keys: KeystoreKeys) -> None:
    tree = inspect(vector("GCS13a_4.1.1_SUCCESS_RELIABLE_GSME_RESPONSE").octets, published_keys)

    register = one_node(tree, "name", "CurrentSummationDelivered")
    assert register["value"] == 12345
    assert (register["scaled"], register["unit"]) == ("12.345", "m³")


def test_failed_items_say_why(vector: Callable[[str], Vector], published_keys: KeystoreKeys) -> None:
    tree = inspect(vector("ECS01a_1.1.1_IMMEDIATE_ERROR_RESPONSE").octets, published_keys)

    texts = {node["text"] for node in nodes(tree["body"]) if set(node) == {"code", "text"}}
    assert "other reason" in texts
    assert len(texts) > 1


def test_future_dated_alert_names_the_instruction(
    vector: Callable[[str], Vector], published_keys: KeystoreKeys
) -> None:
    name = "ECS01a_1.1.1_8F66_FUTURE_DATED_TOU_BLOCK_SUCCESS_ALERT_SWITCHING_TABLE"
    tree = inspect(vector(name).octets, published_keys)

    body = tree["body"]
    assert isinstance(body, dict)
    assert tree["use_case"] == "ECS01a"
    assert body["alert"] == one_node(body, "code", "8F66")
    assert body["time"] == "2030-01-15T00:00:00Z" or str(body["time"]).startswith("2030-01-15T")
    assert one_node(body, "message_code", "0019")["member"] == "activate_passive_calendar_time"


def test_credential_update_names_roles_usages_and_outcome(
    vector: Callable[[str], Vector], published_keys: KeystoreKeys
) -> None:
    tree = inspect(vector("CS02bSupplierBySupplier_6.15.1_IMMEDIATE_ERROR_RESPONSE").octets, published_keys)

    texts = {node["text"] for node in nodes(tree["body"]) if set(node) == {"code", "text"}}
    assert {"supplier", "supplierBySupplier", "no trust anchor", "prepayment top up"} <= texts
    assert any(node.get("key_usage") == ["digitalSignature"] for node in nodes(tree["body"]))


def test_times_that_are_none_say_so(vector: Callable[[str], Vector], published_keys: KeystoreKeys) -> None:
    cancelled = inspect(vector("ECS01a_1.1.1_CANCELLATION_TOU_BLOCK_SUCCESS_PRECOMMAND").octets, published_keys)
    at_once = inspect(vector("ECS01a_1.1.1_IMMEDIATE_BLOCK_SUCCESS_PRECOMMAND").octets, published_keys)

    assert {node["date_time"] for node in nodes(cancelled["body"]) if "date_time" in node} >= {"never"}
    assert {node["date_time"] for node in nodes(at_once["body"]) if "date_time" in node} >= {"now"}


def test_garbage_is_refused_with_an_offset_in_the_message() -> None:
    wrong = bytearray(COMMAND)
    wrong[-14] = 0x77  # the last octet of the payload: the type of the last datum

    with pytest.raises(GbcsError) as refusal:
        inspect(bytes(wrong))

    assert refusal.value.code == "GBCS_BAD_TAG"
    assert refusal.value.offset == len(COMMAND) - 14


def test_text_reads_like_a_report() -> None:
    assert text(inspect(COMMAND)).splitlines() == [
        "ECS52 Read ESME/Comms Hub Firmware Version",
        "  kind          command",
        "  use case      ECS52",
        "  message code  0059",
        "  originator    90-B3-D5-1F-30-01-00-00",
        "  recipient     00-DB-12-34-56-78-90-A0",
        "  counter       1000",
        "  signature     absent",
        "  MAC           unknown-key",
        "  payload       DLMS",
        "  1. get firmware version: attribute 2 value (class 1, 0-0:0.2.1.255)",
    ]


def test_report_of_a_log_has_a_row_a_line(vector: Callable[[str], Vector], published_keys: KeystoreKeys) -> None:
    lines = text(inspect(vector("ECS20d_4.4.5_SUCCESS_RESPONSE").octets, published_keys)).splitlines()

    assert "       5 rows of structure(double-long-unsigned, double-long-unsigned)" in lines
    assert "         2014-12-28T00:00:00Z  95" in lines


def test_report_of_gas_registers_shows_what_they_mean(
    vector: Callable[[str], Vector], published_keys: KeystoreKeys
) -> None:
    report = text(inspect(vector("GCS13a_4.1.1_SUCCESS_RELIABLE_GSME_RESPONSE").octets, published_keys))

    assert "0000 CurrentSummationDelivered = 12.345 m³ (uint48 12345)" in report


def test_unsupported_command_alert_names_the_command(
    vector: Callable[[str], Vector], published_keys: KeystoreKeys
) -> None:
    tree = inspect(vector("ECS100_NA_8F85_ALERT").octets, published_keys)

    assert one_node(tree["body"], "message_code", "0012") == {"message_code": "0012", "originator_counter": 100000}


def test_discarded_message_alert_names_the_message(
    vector: Callable[[str], Vector], published_keys: KeystoreKeys
) -> None:
    tree = inspect(vector("DBCH10_NA_8F2C_ALERT").octets, published_keys)

    assert one_node(tree["body"], "cra", 1) == {
        "originator": "90-B3-D5-1F-30-01-00-00",
        "recipient": "00-DB-12-34-56-78-90-A0",
        "cra": 1,
        "counter": 1000,
    }
