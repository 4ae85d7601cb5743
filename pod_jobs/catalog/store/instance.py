"""Facts about the instance as a whole that the catalog stores."""

import secrets

from pod_jobs.catalog.database import transaction
from pod_jobs.catalog.models import InstanceFact, Video

MEDIA_IDENTITY = "media"
IDENTITY = "identity"


def identity() -> str:
    """That of this catalog, random; given at the first question."""
    row = InstanceFact.get_or_none(InstanceFact.name == IDENTITY)
    if row is None:
        with transaction():
            row, _ = InstanceFact.get_or_create(name=IDENTITY, defaults={"value": secrets.token_hex(16)})
    return str(row.value)


def media_identity() -> str:
    """The identity of the media folder that belongs to this catalog; "" = none is known yet."""
    row = InstanceFact.get_or_none(InstanceFact.name == MEDIA_IDENTITY)
    return str(row.value) if row else ""


def remember_media_identity(identity: str) -> None:
    with transaction():
        InstanceFact.delete().where(InstanceFact.name == MEDIA_IDENTITY).execute()
        InstanceFact.create(name=MEDIA_IDENTITY, value=identity)


def newest_source() -> tuple[int, int] | None:
    """(id, bytes) of the newest video that is not deleted; None when there is none."""
    video = Video.select().where(Video.deleted_at.is_null()).order_by(Video.id.desc()).first()
    return (video.id, video.source_bytes) if video else None
