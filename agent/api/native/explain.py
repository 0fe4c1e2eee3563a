"""Why: from any line, credit, ticket or usage record back to what was measured."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from agent.api.access import needs
from agent.api.native.paths import ROOT
from agent.api.native.plain import plain
from agent.api.openapi import described
from agent.api.parts import PartsOf
from agent.api.shapes import named, value
from agent.security.roles import Role
from crm_bridge.explain import Explanation

router = APIRouter(prefix=ROOT, tags=["Explain"])

EXPLANATION = named("ExplanationTree", value(Explanation))


@router.get(
    "/explain/{object_id}",
    dependencies=[needs(Role.VIEWER)],
    **described("Explain a bill, line, credit, usage record or ticket", 404, answer=EXPLANATION),
)
def explain_object(parts: PartsOf, object_id: str) -> Response:
    """A tree: each node has id, kind, title and facts, and under `because` what it stands on."""
    with parts.database.read() as session:
        return JSONResponse(plain(parts.explain(session, object_id)))
