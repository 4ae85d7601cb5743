"""The tables of captions. Times of cues are seconds of the uploaded recording, not of what an encoding keeps of it."""

from peewee import (
    AutoField,
    BooleanField,
    CharField,
    CompositeKey,
    FloatField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from pod_jobs.catalog.models import InstantField, JsonField, Table, User, Video

ORIGINS = ("speech", "source", "upload")  # recognised, a track of the uploaded file, a file of its own
STATES = ("automatic", "corrected", "reviewed")


class SpeechWish(Table):
    """What is wanted of one video's speech. No row: what the settings say."""

    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", primary_key=True)
    language = CharField(8, default="")  # ISO 639-1; "" = to be recognised
    glossary = JsonField(default=list)  # spellings of names and terms
    automatic = BooleanField(null=True)  # False: no automatic captions; null: as the settings say


class CaptionTrack(Table):
    """The captions of a video in one language, of one origin. The newest version counts."""

    id = AutoField()
    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", backref="caption_tracks")
    language = CharField(8)  # "und" = unknown
    label = CharField(100, default="")  # a name that tells it from another one of its language
    origin = CharField(10)  # one of ORIGINS
    translated = BooleanField(default=False)
    state = CharField(10)  # one of STATES
    version = IntegerField()  # number of the newest version, from 1
    needs_check = BooleanField(default=False)  # the language was a guess that was not sure
    model = CharField(100, default="")  # what recognised it
    newer_automatic = IntegerField(null=True)  # a version that came of a later recognition and replaced nothing
    peaks_path = CharField(250, default="")  # curve of loudness, relative to the media folder
    edited_by_id: int | None
    edited_by = ForeignKeyField(User, on_delete="SET NULL", null=True)
    created_at = InstantField()
    updated_at = InstantField(index=True)

    class Meta:
        indexes = ((("video", "language", "origin", "label"), True),)


class CaptionVersion(Table):
    """What the captions were at one time."""

    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE", backref="versions")
    number = IntegerField()
    cues = JsonField()  # [[start_s, end_s, text, speaker, [[start_s, end_s, word, confidence], …]], …]
    author_id: int | None
    author = ForeignKeyField(User, on_delete="SET NULL", null=True)  # null = a machine
    note = CharField(40)  # "recognised", "edited", "imported", "restored 3"
    created_at = InstantField()

    class Meta:
        primary_key = CompositeKey("track", "number")


class CaptionDraft(Table):
    """What somebody is writing and has not saved; one per person and track."""

    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE")
    base = IntegerField()  # the version that it began with
    cues = JsonField()
    updated_at = InstantField()

    class Meta:
        primary_key = CompositeKey("track", "user")


class CaptionWindow(Table):
    """About 30 s of captions, to be searched. The newest version of each track only."""

    id = AutoField()
    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", index=True)
    start_s = FloatField()
    cues = JsonField()  # [[start_s, text], …]
    folded = TextField()  # "owner12x " and the text as store/caption_search.py folds it


TABLES: tuple[type[Table], ...] = (SpeechWish, CaptionTrack, CaptionVersion, CaptionDraft, CaptionWindow)
