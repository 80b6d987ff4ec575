"""The files of Threshold Anomaly Detection: thresholds, quarantine report, quarantine action, and their signature.

service-request-processing.md section 16. The columns of the real files are in none of the sources; the layout is this
project's and is described in ``docs/anomaly-detection.md``.
"""

from .actions import (
    ActionFile,
    ActionRow,
    QuarantineAction,
    ReportRow,
    choose,
    read_actions,
    write_actions,
    write_report,
)
from .layout import Fault, FileRefused
from .signature import SIGNER_ROLES, SignedFile, prove_file, sign_file, verify_file
from .thresholds import ANY_SERVICE, Threshold, ThresholdFile, in_force, read_thresholds, write_thresholds

__all__ = [
    "ANY_SERVICE",
    "SIGNER_ROLES",
    "ActionFile",
    "ActionRow",
    "Fault",
    "FileRefused",
    "QuarantineAction",
    "ReportRow",
    "SignedFile",
    "Threshold",
    "ThresholdFile",
    "choose",
    "in_force",
    "prove_file",
    "read_actions",
    "read_thresholds",
    "sign_file",
    "verify_file",
    "write_actions",
    "write_report",
    "write_thresholds",
]
