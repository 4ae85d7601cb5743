"""The actors of statements: accounts, which tell a record store one learner from another and nothing else.

An account is {"homePage": the institution's IRI, "name": …}. A record store knows a learner by this pair. So that two
record stores, or the same one in two years, know the same learner, the IRI has to outlive servers.
"""

import base64
import hmac
from typing import Any
from uuid import UUID

Actor = dict[str, Any]

SCHEME = "v1"  # version of the recipe for pseudonyms, so that those of another recipe can be told apart


def build_actor(home_page: str, name: str) -> Actor:
    """An agent known by an account. `name` is sent as it is: a pseudonym, unless the institution decided otherwise."""
    return {"objectType": "Agent", "account": {"homePage": home_page, "name": name}}


def build_system_actor(home_page: str, part: str) -> Actor:
    """The platform as an actor; for the part "encode", its name is "system:encode"."""
    return build_actor(home_page, f"system:{part}")


def pseudonym(key: bytes, user_uuid: UUID, salt: str = "") -> str:
    """52 letters and digits, always the same for one person; without `key` nobody can compute them.

    Another `salt`, for instance "2026-autumn", gives everybody another pseudonym.
    """
    message = "|".join((SCHEME, *([salt] if salt else []), str(user_uuid)))
    digest = hmac.digest(key, message.encode(), "sha256")
    return base64.b32encode(digest).decode().rstrip("=").lower()
