"""Videos: creates them together with their first tasks, lists, changes and deletes them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pod_jobs.captions.folding import fold
from pod_jobs.catalog.database import holds, locked, transaction
from pod_jobs.catalog.models import Output, Task, User, Video
from pod_jobs.catalog.new_task import NewTask
from pod_jobs.catalog.permissions import may
from pod_jobs.catalog.store import captions, events, instance, tasks
from pod_jobs.errors import Forbidden, NotFound, Refused
from pod_jobs.media_folder import source_of

FEW = 500  # videos whose ids are put into a query


@dataclass(frozen=True)
class Source:
    """An uploaded file: its name on the uploader's computer, its size in bytes, and the options that came with it for its first
    tasks. The option "speech" is stored with the video, for each of its transcriptions (store.captions)."""

    name: str
    bytes: int
    options: dict[str, Any] = field(default_factory=dict)


def create(
    owner: User,
    title: str,
    source: Source,
    now: datetime,
    place: Callable[[str], None],
    orders: Sequence[NewTask],
) -> tuple[Video, list[Task]]:
    """Create a video and its first tasks, one for each of `orders`, in the same order.

    `place(path)` puts the source file at `path` (relative to the media folder). It is called before the commit, so that no
    row ever points to a missing file. The janitor removes files that no row points to. Errors: what `place` raises.
    """
    with transaction():
        video = Video.create(
            id=instance.next_number(),
            owner=owner,
            **titled(title[:250] or source.name[:250] or "?"),
            source_name=source.name[:250],
            source_path="",
            source_bytes=source.bytes,
            created_at=now,
        )
        video.source_path = source_of(video.id)
        video.save(only=[Video.source_path])
        if wish := {**source.options.get("speech", {})}:
            wish.pop("translate", None)  # an order, and no fact about the recording
            captions.set_wish(video.id, wish)
        ordered = [tasks.order(video, new, owner, now) for new in orders]
        events.uploaded(video, now)
        place(video.source_path)
    return video, ordered


def titled(title: str) -> dict[str, str]:
    """The columns of a title: as it is shown, and as it is searched."""
    return {"title": title, "title_folded": fold(title)[:250]}


def has_title(text: str) -> Any:
    """The condition that a video's title has `text` in it, whatever its accents and case. Of a text without any letter or digit,
    each character counts."""
    return holds(Video.title_folded, folded) if (folded := fold(text)) else holds(Video.title, text)


def ids_with_title(text: str) -> list[int] | None:
    """The ids of all videos whose titles have `text` (`has_title`); None when there are too many for another query. Only the
    index of titles is read, while a list in the order of ids would read each whole row."""
    ids = [row.id for row in Video.select(Video.id).where(has_title(text)).limit(FEW + 1)]
    return ids if len(ids) <= FEW else None


def get(video_id: int, user: User | None = None) -> Video:
    """The video, if `user` may see it (None = no check). Errors: NotFound, also for a deleted video or one that `user` may not
    see."""
    video = Video.select(Video, User).join(User).where(Video.id == video_id, Video.deleted_at.is_null()).first()
    if video is None or (user is not None and not may_see(user, video)):
        raise NotFound(f"video {video_id}")
    return video


def get_to_change(video_id: int, user: User) -> Video:
    """The video, if `user` may change it. Errors: NotFound for a video that `user` may not see; Forbidden."""
    video = get(video_id, user)
    check_may_change(user, video)
    return video


def check_may_change(user: User, video: Video) -> None:
    """Errors: Forbidden. A video that `user` may not even see is the caller's to refuse, by NotFound."""
    is_own = video.owner_id == user.id and may(user.role, "change-videos")
    if not (is_own or may(user.role, "change-all-videos")):
        raise Forbidden(f"video {video.id} is not this person's to change")


def may_see(user: User, video: Video) -> bool:
    """May `user` see this video? Users see their own with `see-videos`, and those of everybody with `see-all-videos`."""
    return may(user.role, "see-all-videos") or (may(user.role, "see-videos") and video.owner_id == user.id)


def seen_among(user: User, numbers: Collection[int]) -> set[int]:
    """The ids in `numbers` of videos that `user` may see. Deleted ones count too, because their page may still be open."""
    rows = Video.select(Video.id, Video.owner).where(Video.id.in_(list(numbers)))
    return {row.id for row in rows if may_see(user, row)}


def list_videos(user: User, limit: int = 50, before: int | None = None, text: str = "") -> list[Video]:
    """The videos that `user` may see, newest first. `before` is the id to go on from; titles must contain `text`."""
    query = Video.select(Video, User).join(User).where(Video.deleted_at.is_null())
    if not may(user.role, "see-all-videos"):
        query = query.where(Video.owner == (user.id if may(user.role, "see-videos") else None))
    if before is not None:
        query = query.where(Video.id < before)
    if text:
        few = ids_with_title(text)
        query = query.where(has_title(text) if few is None else Video.id.in_(few))
    return list(query.order_by(Video.id.desc()).limit(limit))


def order(video_id: int, new: NewTask, author: User, now: datetime) -> Task:
    """Order a task for a video. Outputs of an earlier task of the same kind and template stay until this one is done.

    Errors: NotFound; Forbidden; Refused while a task of the same kind and template is open.
    """
    with transaction():
        locked(Video.select().where(Video.id == video_id)).get_or_none()  # so that two clicks order one task
        video = get_to_change(video_id, author)
        if tasks.is_open(video_id, new):
            by = f" by the template {new.template}" if new.template else ""
            raise Refused(f"a task {new.kind} of video {video_id}{by} is under way", code="task-under-way")
        return tasks.order(video, new, author, now)


def change(video_id: int, changes: dict[str, str | None], user: User) -> Video:
    """Change `title`, `poster` or both. `poster` is the file name of a thumbnail; None = the first one that is not blank.
    The choice stays when the video is encoded again.

    Errors: NotFound (also for a thumbnail that the video does not have), Forbidden, Refused for an empty title.
    """
    with transaction():
        video = get_to_change(video_id, user)
        if "title" in changes:
            title = (changes["title"] or "").strip()
            if not title:
                raise Refused("an empty title", code="title-empty")
            video.title, video.title_folded = titled(title[:250]).values()
        if "poster" in changes:
            poster = changes["poster"]
            if poster is not None and not _has_thumbnail(video, poster):
                raise NotFound(f"thumbnail {poster!r} of video {video_id}")
            video.poster = poster
        video.save(only=[Video.title, Video.title_folded, Video.poster])
    return video


def _has_thumbnail(video: Video, name: str) -> bool:
    of_player = (Output.video == video, Output.folder == video.published_folder, Output.kind == "thumbnail")
    return bool(Output.select().where(*of_player, Output.name == name).exists())


def delete(video_id: int, user: User, now: datetime) -> list[Task]:
    """Mark a video as deleted, and cancel its open tasks. The janitor removes the files. Returns the tasks that were open."""
    with transaction():
        video = get_to_change(video_id, user)
        # locked, because a task that ends in between would refuse to be cancelled
        still_open = tasks.lock_open_of(video.id)
        locked(Video.select().where(Video.id == video_id)).get_or_none()  # locked after the tasks, as a report does
        # and those that were ordered between the two locks
        still_open += [task for task in tasks.lock_open_of(video.id) if task not in still_open]
        for task in still_open:
            tasks.cancel(task.id, now)
        Video.update(deleted_at=now).where(Video.id == video_id).execute()
    return still_open


def outputs_of(videos: Sequence[Video]) -> dict[int, list[Output]]:
    """Video id -> its published outputs, each with its task, in the order they were made."""
    outputs: dict[int, list[Output]] = {video.id: [] for video in videos}
    for output in Output.select(Output, Task).join(Task).where(Output.video.in_(list(outputs))).order_by(Output.id):
        outputs[output.video_id].append(output)
    return outputs


def outputs_of_task(task_id: int) -> list[Output]:
    """The published outputs of a task, in the order they were made."""
    return list(Output.select().where(Output.task == task_id).order_by(Output.id))
