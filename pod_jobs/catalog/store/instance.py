"""Facts about the instance as a whole that the catalog stores."""

import hashlib
import secrets

from peewee import fn

from pod_jobs.catalog.database import locked_row, transaction
from pod_jobs.catalog.models import InstanceFact, Video

MEDIA_IDENTITY = "media"
IDENTITY = "identity"
LAST_NUMBER = "last video"  # the highest number that a video ever had
SHARED = "folder of site "  # and its name: the id in the media folder that the site shares
UNKNOWN = "unknown recordings"  # ranges of numbers of recordings that the media folder had and the catalog had not: "4-7 12-12"
MOST_RANGES = 10
HOME_PAGE = "home page "  # and a hash: one that actors of learning traces have or had
HOME_PAGE_CHARACTERS = 200  # what a fact holds


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
        _remember(MEDIA_IDENTITY, identity)


def shared_folder_mark(site: str) -> str:
    """The id in the media folder that this site shares; "" = none is known yet."""
    row = InstanceFact.get_or_none(InstanceFact.name == SHARED + site)
    return str(row.value) if row else ""


def remember_shared_folder_mark(site: str, mark: str) -> None:
    with transaction():
        _remember(SHARED + site, mark)


def newest_source() -> tuple[int, int] | None:
    """(id, bytes) of the newest video that is not deleted and whose source is here; None when there is none."""
    video = Video.select().where(Video.deleted_at.is_null(), Video.source_path != "").order_by(Video.id.desc()).first()
    return (video.id, video.source_bytes) if video else None


def next_number() -> int:
    """The number of a new video, in the caller's transaction: never one that a video had, also when that one was purged."""
    row = locked_row(InstanceFact, {"name": LAST_NUMBER}, {"value": "0"})
    number = max(int(row.value), int(Video.select(fn.MAX(Video.id)).scalar() or 0)) + 1
    InstanceFact.update(value=str(number)).where(InstanceFact.name == LAST_NUMBER).execute()
    return number


def notice_recordings(highest: int) -> tuple[int, int] | None:
    """The media folder has a recording with the number `highest`. If no video had so high a number, the database is older than
    the folder: new videos get higher numbers, and the janitor leaves these recordings alone. Returns their range, from the
    lowest that is possible to `highest`; None when there is nothing to notice.
    """
    with transaction():
        first = next_number()
        last = max(first - 1, highest)
        InstanceFact.update(value=str(last)).where(InstanceFact.name == LAST_NUMBER).execute()
        if highest < first:
            return None
        ranges = [*unknown_recordings(), (first, highest)]
        while len(ranges) > MOST_RANGES:  # one range for the two oldest: rather leave something alone than delete it
            ranges[:2] = [(ranges[0][0], ranges[1][1])]
        text = " ".join(f"{low}-{high}" for low, high in ranges)
        _remember(UNKNOWN, text)
    return first, highest


def unknown_recordings() -> list[tuple[int, int]]:
    """Ranges of numbers, both ends included, of recordings that are in the media folder and were never in this catalog."""
    row = InstanceFact.get_or_none(InstanceFact.name == UNKNOWN)
    pairs = [span.split("-") for span in str(row.value).split()] if row else []
    return [(int(low), int(high)) for low, high in pairs]


def home_pages() -> list[str]:
    """Those that actors of learning traces had since this was first noted."""
    return [row.value for row in InstanceFact.select().where(InstanceFact.name.startswith(HOME_PAGE))]


def remember_home_page(home_page: str) -> None:
    """Note one, for the day on which another one is set. A longer one than a fact can hold is not noted."""
    if 0 < len(home_page) <= HOME_PAGE_CHARACTERS and home_page not in home_pages():
        with transaction():
            _remember(HOME_PAGE + hashlib.sha256(home_page.encode()).hexdigest()[:16], home_page)


def _remember(name: str, value: str) -> None:
    InstanceFact.delete().where(InstanceFact.name == name).execute()
    InstanceFact.create(name=name, value=value)
