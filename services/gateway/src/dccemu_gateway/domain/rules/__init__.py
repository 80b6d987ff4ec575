"""The numbered checks of service-request-processing.md section 2 as one table of rules, run in order."""

from .table import ADMISSION, RECHECK, RULES, SUBSTANCE, Rule, run

__all__ = ["ADMISSION", "RECHECK", "RULES", "SUBSTANCE", "Rule", "run"]
