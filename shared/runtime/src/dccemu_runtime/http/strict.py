"""Nothing that a caller asks of an admin route is ignored: a query parameter that the route does not have is refused.

A misspelt filter would otherwise list everything, and ``DELETE /admin/faults?id=x`` end every fault.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from .problem import Problem


async def known_query(request: Request) -> None:
    """Refuse query parameters of an ``/admin`` route that it does not declare.

    Raises
    ------
    Problem
        422 with the name of each, and those that the route has.
    """
    route = request.scope.get("route")
    if not request.url.query or not isinstance(route, APIRoute) or not route.path.startswith("/admin"):
        return
    declared = [parameter.alias for parameter in route.dependant.query_params]
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in declared]
    if unknown:
        errors = [{"place": f"query/{name}", "detail": "is no parameter of this route"} for name in unknown]
        allowed = f"known are {', '.join(declared)}" if declared else "it has none"
        detail = f"query: {', '.join(unknown)} not known to {request.method} {route.path}; {allowed}"
        raise Problem(422, detail, code="INVALID_CALL", errors=errors)
