"""Routes that concern no repository: who am I, is this card's YAML valid."""

import logging

from counterfactory.factory.release.hub.cards import header_of, problems
from counterfactory.factory.release.hub.hub import Hub
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.wire import Reply, Request

NO_XET = "This server has no Xet store: set HF_HUB_DISABLE_XET=1 for the client"

log = logging.getLogger(__name__)


def whoami(hub: Hub, request: Request) -> Reply:
    """Tell who the token belongs to."""
    user = request.user
    if not user.name:
        raise Refusal(401, "Invalid username or password: this needs a token")
    token = {"displayName": user.name, "role": user.role}
    orgs = [{"type": "org", "name": org, "fullname": org} for org in user.orgs]
    return Reply.json({
        "type": "user", "id": user.name, "name": user.name, "fullname": user.name, "isPro": False,
        "orgs": orgs, "auth": {"type": "access_token", "accessToken": token},
    })  # fmt: skip


def validate_yaml(hub: Hub, request: Request) -> Reply:
    """Say what is wrong with the YAML on top of a card; 400 when it would not be accepted."""
    content = request.json().get("content")
    if not isinstance(content, str):
        raise Refusal(400, "Malformed request: content is no text")
    header, errors = header_of(content)
    warnings = []
    if header is None and not errors:
        warnings.append("empty or missing yaml metadata in repo card")
    elif not errors:
        errors = problems(header)
    told = {
        "errors": [{"message": line} for line in errors],
        "warnings": [{"message": line} for line in warnings],
    }
    return Reply.json(told, 400 if errors else 200)


def no_xet(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Tell a client that wants to send files another way what to change.

    It shows nobody why it fails, so the server's log tells as well.
    """
    log.warning("%s: %s", repo.name, NO_XET)
    raise Refusal(404, NO_XET)
