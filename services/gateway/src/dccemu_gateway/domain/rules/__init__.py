"""The numbered checks of service-request-processing.md section 2 as one table of rules, run in order."""

from .table import ADMISSION, ANOMALY, RECHECK, RELEASED, RULES, SUBSTANCE, Rule, run

__all__ = ["ADMISSION", "ANOMALY", "RECHECK", "RELEASED", "RULES", "SUBSTANCE", "Rule", "run"]
