"""Who a statement is about: accounts that tell an LRS one learner from another, and nothing else. Pure.

An account is {"homePage": the institution's IRI, "name": …}. The IRI has to outlive servers: two LRSs, or one LRS
in two years, know a learner by the pair.
"""

import base64
import hmac
from typing import Any
from uuid import UUID

Actor = dict[str, Any]

SCHEME = "v1"  # of the pseudonyms: a change of the recipe gets another word, so the two can be told apart


def build_actor(home_page: str, name: str) -> Actor:
    """An agent known by an account. `name` goes out as it is: a pseudonym, unless the institution decided else."""
    return {"objectType": "Agent", "account": {"homePage": home_page, "name": name}}


def build_system_actor(home_page: str, part: str) -> Actor:
    """The machine as an actor: part "encode" is "system:encode"."""
    return build_actor(home_page, f"system:{part}")


def pseudonym(key: bytes, user_uuid: UUID, salt: str = "") -> str:
    """52 letters and digits: the same person always, nobody without `key`.

    `salt`, for instance "2026-autumn", gives a person another name each semester.
    """
    message = "|".join((SCHEME, *([salt] if salt else []), str(user_uuid)))
    digest = hmac.digest(key, message.encode(), "sha256")
    return base64.b32encode(digest).decode().rstrip("=").lower()
