"""The tables of captions. Times of cues are seconds of the uploaded recording, not of a cut version of it."""

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from pod_jobs.catalog.models import InstantField, JsonField, Table, User, Video

ORIGINS = ("speech", "source", "upload")  # recognised speech, a track of the source, a caption file
STATES = ("automatic", "corrected", "reviewed")


class SpeechWish(Table):
    """What people want of the transcription of one video. Without a row, the settings count."""

    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", primary_key=True)
    language = CharField(8, default="")  # ISO 639-1; "" = unknown, to be recognised
    glossary = JsonField(default=list)  # spellings of names and terms
    automatic = BooleanField(null=True)  # False = no automatic captions; null = the settings count


class CaptionTrack(Table):
    """The captions of a video in one language and of one origin. The newest version is shown."""

    id = AutoField()
    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", backref="caption_tracks")
    language = CharField(8)  # "und" = unknown
    label = CharField(100, default="")  # tells several tracks of one language and origin apart
    origin = CharField(10)  # one of ORIGINS
    translated = BooleanField()
    state = CharField(10)  # one of STATES
    version = IntegerField()  # number of the newest version, from 1
    needs_check = BooleanField(default=False)  # the language was recognised, but not surely
    model = CharField(100, default="")  # the model that recognised the speech
    newer_automatic = IntegerField(null=True)  # number of a later automatic version, which replaced nothing
    peaks_path = CharField(250, default="")  # file of the loudness over time, relative to the media folder
    edited_by_id: int | None
    edited_by = ForeignKeyField(User, on_delete="SET NULL", null=True)
    created_at = InstantField()
    updated_at = InstantField(index=True)

    class Meta:
        indexes = ((("video", "language", "origin", "label"), True),)


class CaptionVersion(Table):
    """One version of the captions of a track."""

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
    """Changes that a person has not saved yet; one per person and track."""

    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
    user_id: int
    user = ForeignKeyField(User, on_delete="CASCADE")
    base = IntegerField()  # the version that the person began with
    cues = JsonField()
    updated_at = InstantField()

    class Meta:
        primary_key = CompositeKey("track", "user")


class CaptionText(Table):
    """What is searched of the newest version of a track. store/caption_index.py writes this table and the next two."""

    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE", primary_key=True)
    video_id: int
    video = ForeignKeyField(Video, on_delete="CASCADE", index=False)
    form = IntegerField()  # of the index: an older one is made again
    folded = TextField()  # see caption_index.as_text

    class Meta:
        indexes = ((("video", "track"), False),)


class CaptionTerm(Table):
    """The tracks that have a word. Ordered by code points, so that words that begin alike stand together.

    No foreign keys: an index for each would double the table. A row of a deleted track matches nothing."""

    term = CharField(32)
    video_id = IntegerField()
    track_id = IntegerField()

    class Meta:
        primary_key = CompositeKey("term", "video_id", "track_id")
        without_rowid = True


class CaptionPassage(Table):
    """Some captions that follow each other, for the answer to a search."""

    id = BigIntegerField(primary_key=True)  # see caption_index.passage_key
    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
    cues = JsonField()  # [[start_s, text], …], with some of the next row


class CaptionRespelling(Table):
    """A word, or some, that people have written otherwise in a track than they were recognised."""

    track_id: int
    track = ForeignKeyField(CaptionTrack, on_delete="CASCADE")
    heard = CharField(60)  # folded, as in captions/respelling.py
    spelling = CharField(60)

    class Meta:
        primary_key = CompositeKey("track", "heard", "spelling")
        indexes = ((("heard", "spelling"), False),)


class CaptionCorrection(Table):
    """What somebody answered to the offer to write recognised words always otherwise."""

    id = AutoField()
    owner_id: int | None
    owner = ForeignKeyField(User, on_delete="CASCADE", null=True)  # of the recordings; null = of all recordings
    language = CharField(8)  # of the captions
    heard = CharField(60)
    spelling = CharField(60)
    is_used = BooleanField()  # false = this owner wants no such offer
    created_at = InstantField()


TABLES: tuple[type[Table], ...] = (
    SpeechWish,
    CaptionTrack,
    CaptionVersion,
    CaptionDraft,
    CaptionText,
    CaptionTerm,
    CaptionPassage,
    CaptionRespelling,
    CaptionCorrection,
)
