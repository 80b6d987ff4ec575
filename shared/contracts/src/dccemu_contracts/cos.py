"""The change of Supplier conversation between gateway and CoS Party."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from .envelope import Contract
from .topics import COS_COMMANDS, COS_REQUESTS, Topic


class CosRequest(Contract):
    """A User's whole signed Service Request 6.23, unchanged, handed to the CoS Party (cos-party.md section 2).

    ``document`` is the XML text as received. ``submitter`` is ``gateway`` or ``ngi`` (Non-Gateway Interface).
    """

    topic: ClassVar[Topic] = COS_REQUESTS

    request_id: str
    device: str
    document: str
    submitter: Literal["gateway", "ngi"] = "gateway"

    @property
    def key(self) -> str:
        return self.device


class CosDecision(Contract):
    """The CoS Party's answer: a Command it built and signed (no MAC), or a refusal with its rule.

    ``held`` says that the request passed every check and waits for its date: another decision follows. So it does after
    ``quarantined``, when somebody releases or deletes it; the CoS Party orders the QuarantinedRequest Alert itself.
    After ``refused`` the gateway tells the sender by a ChangeOfSupplier Alert (N26) with ``ecos_error_code``.
    ``submitter`` ``ngi``: the request came by the Non-Gateway Interface; the gateway has no open request of this id and
    sends the Command on the strength of the CoS Party's signature alone; nobody gets a DUIS Response. ``document`` is
    then the 6.23 that the Command carries out, as an unsigned DUIS document.
    """

    topic: ClassVar[Topic] = COS_COMMANDS

    request_id: str
    device: str
    outcome: Literal["signed", "refused", "quarantined", "held"]
    payload: str | None = None
    counter: int | None = None
    execution_at: datetime | None = None
    rule: str | None = None
    ecos_error_code: str | None = None
    detail: str | None = None
    submitter: Literal["gateway", "ngi"] = "gateway"
    document: str | None = None

    @property
    def key(self) -> str:
        return self.device
