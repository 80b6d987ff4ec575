"""Threshold Anomaly Detection as a User calls it: reference numbers, signed files, the quarantine report."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from dccemu_protocol.anomaly import (
    ActionFile,
    ActionRow,
    SignedFile,
    Threshold,
    ThresholdFile,
    sign_file,
    write_actions,
    write_thresholds,
)
from dccemu_protocol.identifiers import Eui64
from dccemu_protocol.pki import Keystore, RemotePartyRole, Usage

from .admin import Json
from .errors import GatewayError, KeyMissing


def sign_with_token(content: bytes, token: Keystore, user: Eui64 | None = None) -> SignedFile:
    """Sign a file with the file signing token of a User; of the only one in the key store if None.

    Raises
    ------
    KeyMissing
        When the key store has no such key.
    """
    for entry in token:
        key = token.key_for(entry)
        is_fitting = entry.role == RemotePartyRole.FILE_SIGNING and entry.usage is Usage.DIGITAL_SIGNATURE
        if is_fitting and user in (None, entry.eui) and key is not None and entry.certificate is not None:
            return sign_file(content, key, entry.certificate)
    raise KeyMissing(f"the key store has no file signing key{'' if user is None else f' of {user}'}")


class AnomalyDetection:
    """A client of ``/tad/v1`` at the gateway, or at the CoS Party (which gives no references).

    Every method gives the JSON of the reply. A refusal raises ``GatewayError`` with the rule and every bad row.
    """

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def reference(self, user: Eui64) -> str:
        """A reference number for one file."""
        return str(_read(self._client.post("/tad/v1/references", json={"user": str(user)}))["reference"])

    def send(self, kind: str, file: SignedFile) -> dict[str, Json]:
        """Send a signed file; ``kind`` is ``thresholds`` or ``actions``."""
        return _read(self._client.post(f"/tad/v1/{kind}", json=file.as_json()))

    def set_thresholds(self, user: Eui64, token: Keystore, rows: Sequence[Threshold]) -> dict[str, Json]:
        """Obtain a reference, sign and send thresholds."""
        content = write_thresholds(ThresholdFile(self.reference(user), str(user), tuple(rows)))
        return self.send("thresholds", sign_with_token(content, token, user))

    def act(self, user: Eui64, token: Keystore, rows: Sequence[ActionRow]) -> dict[str, Json]:
        """Obtain a reference, sign and send what is to be released and deleted."""
        content = write_actions(ActionFile(self.reference(user), str(user), tuple(rows)))
        return self.send("actions", sign_with_token(content, token, user))

    def thresholds(self, user: Eui64) -> Json:
        """Thresholds as given and as they count now."""
        return _read(self._client.get("/tad/v1/thresholds", params={"user": str(user)}))["thresholds"]

    def report(self, user: Eui64) -> str:
        """The quarantine report, as CSV."""
        reply = self._client.get("/tad/v1/quarantine", params={"user": str(user)})
        if reply.is_error:
            _read(reply)
        return reply.text


def _read(reply: httpx.Response) -> dict[str, Json]:
    try:
        value = reply.json()
    except ValueError:
        value = {"detail": reply.text[:300]}
    if reply.is_error:
        told = value if isinstance(value, dict) else {}
        raise GatewayError(reply.status_code, f"{told.get('code', '')}: {told.get('detail', value)}"[:2000])
    return value if isinstance(value, dict) else {}
