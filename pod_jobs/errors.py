"""Every error of ours. The class says what the caller may do; the code picks the sentence for the person.

PodJobsError
├── SettingsError              the program must not start; lists every fault. For a task: another host may run it
├── NotFound                   no such video, task, user … (HTTP 404)
├── Refused                    the request is understood, but not possible in this state (HTTP 409)
├── Malformed                  the request cannot be understood (HTTP 400)
├── Unauthorized               nobody is signed in, or the token is not valid (HTTP 401)
├── Forbidden                  this person may not do that, or the request came from another site (HTTP 403)
├── PermanentError             a retry cannot help: report it and stop
│   ├── BadSource              the uploaded file is the reason; its codes start with "source-"
│   ├── FfmpegFailed           ffmpeg ended with an error that the source does not explain
│   ├── AddressForbidden       an address that a Pod sent must not be called (outside/addresses.py)
│   ├── BadCaptions            a caption file that cannot be taken as it is; the reason names each fault with its line
│   └── ResultRejected         the catalog refused the form of a result (an old generation is Superseded)
├── TransientError             a retry can help: wait, then try again
│   ├── ServiceUnavailable     the catalog, key-value server, LRS or database does not answer, or answers 5xx
│   │   ├── NumberTaken        the media folder has a recording of this number already; a higher one is free
│   │   └── WorkerRefused      the catalog gives this worker no task: its token or its version; another worker may do it
│   ├── OutOfResources         ffmpeg was ended by a signal or a limit that is not ours, or there was no memory for speech
│   └── DiskFull               no space left on the work or media folder
└── Stopped                    no fault: somebody wanted the work to end
    ├── Cancelled              a person cancelled the task
    ├── Interrupted            the worker was told to stop; the job goes back to the front of its queue
    ├── Superseded             another generation of the task exists; this run has nothing left to do
    └── Deposed                another janitor leads; this one must change nothing more
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# code -> the sentence for a lecturer, with facts of the error as {names}; each has a French twin in web/translations
SENTENCES: dict[str, str] = {
    "source-empty": "The file is empty.",
    "source-not-media": "This file is not a video or a sound recording.",
    "source-playlist": "This file is a playlist that points to other files; upload the recording itself.",
    "source-unreadable": "The file cannot be read as a video or a sound recording; it may be damaged or incomplete.",
    "source-convert": "{format} files cannot be encoded here. Please convert the file to {wanted} first, for example with "
    "{program}, and upload that.",
    "source-still": "This file is a single picture and not a recording.",
    "source-no-streams": "The file contains neither picture nor sound.",
    "source-no-sound": "The recording has no sound.",
    "source-protected": "The file is protected against copying and cannot be encoded.",
    "source-too-large": "The file is larger than the limit of {limit}.",
    "source-too-long": "The recording is longer than the limit of {limit}.",
    "source-too-many-pixels": "The picture is larger than {megapixels} million pixels, or than {side} pixels on one side.",
    "source-too-many-streams": "The file contains more than {limit} tracks.",
    "source-unsupported-codec": "The file uses a format that is not supported ({codec}).",
    "source-incomplete": "The file is incomplete: it should contain {claimed} and contains {present}. Please upload it again.",
    "source-damaged": "The file is damaged; no part of it could be encoded.",
    "source-cut-empty": "The cut leaves nothing of the recording: compare the parts to keep with its duration.",
    "source-cut-pieces": "The cut leaves more than {limit} pieces of the recording.",
    "source-missing": "The uploaded file is no longer there; please upload it again.",
    "source-no-dressing": "The dressing {name} no longer exists.",
    "source-no-picture": "The recording has no picture.",
    "source-not-picture": "The file is not a PNG or JPEG picture that can be read.",
    "source-second": "The second recording cannot be used. {cause}",
    "source-opening": "The opening credits cannot be used. {cause}",
    "source-ending": "The ending credits cannot be used. {cause}",
    "source-watermark": "The watermark cannot be used. {cause}",
    "source-at-site": "Another site keeps this recording; its tasks are ordered there.",
    "source-not-fetched": "The recording could not be fetched from {host}.",
    "source-outside": "The order names a file outside the media folder of its site.",
    "source-not-there": "The file {name} is not in the media folder of the site.",
    "address-forbidden": "An address of this order may not be called from here (server: {host}).",
    "source-order": "The order of this recording cannot be carried out as it is.",
    "warning-not-dressed": "The recording has no picture, so nothing was put around or over it.",
    "warning-incomplete": "The file is incomplete: it contains {present} of {claimed}.",
    "warning-damaged": "The file is damaged at {at}: {present} of {whole} could be encoded.",
    "warning-faults": "The file is damaged near {at}: all of it ({present}) was encoded, with faults in picture or sound there.",
    "warning-second": "The second recording is damaged near {at}, with faults in its picture or sound there.",
    "warning-opening": "The opening credits are damaged near {at}, with faults in picture or sound there.",
    "warning-ending": "The ending credits are damaged {at} after their start, with faults in picture or sound there.",
    "warning-no-picture": "The picture could not be read; only the sound was encoded.",
    "warning-no-sound": "The sound could not be read; the video is silent.",
    "warning-other-track": "The main picture or sound of the file could not be read; another one of the file was encoded.",
    "warning-programs": "The file holds {count} programs, and one was encoded. To get another, save it as a file with VLC.",
    "warning-rest": "The file holds several recordings in a row; only the first was encoded. Upload each as its own file.",
    "warning-sounds": "The file holds {count} sound tracks; the first {kept} of them are offered.",
    "warning-more-pictures": "The file holds {count} moving pictures, and one of them was encoded.",
    "warning-subtitles": "Subtitles that are pictures and not text, or beyond {most} tracks, were left out.",
    "warning-hardware": "The graphics card failed on this video; the processor encoded it instead.",
    "warning-encoding": "Some subtitles were not in UTF-8 and were read as {encoding}; please check their accents.",
    "warning-captions": "Some of the subtitles could not be read.",
    "warning-pictures": "The preview pictures could not be made.",
    "captions-too-large": "The caption file is larger than {limit} MB.",
    "captions-not-text": "Line {line} of the caption file cannot be read as text; save the file as UTF-8.",
    "captions-header": "A WebVTT file must begin with the line “WEBVTT” and an empty line after it.",
    "captions-unknown-format": "The file is neither WebVTT nor SubRip (SRT).",
    "captions-timing": "Line {line} of the caption file should hold two times and cannot be read.",
    "captions-backward": "At line {line} of the caption file a caption ends before it begins.",
    "captions-text-without-time": "At line {line} of the caption file there is text without times.",
    "captions-line-too-long": "Line {line} of the caption file is too long.",
    "captions-cue-too-long": "The caption at line {line} of the file is too long.",
    "captions-speaker-too-long": "The name of the speaker at line {line} is too long.",
    "captions-too-many": "The file has too many captions.",
    "captions-encoding-guessed": "The file does not say how its letters are encoded; it was read as {detail}.",
    "captions-block-left-out": "What the caption file holds beside its captions (a heading, styles or notes) was left out.",
    "captions-position-left-out": "Positions of captions on the picture were left out.",
    "captions-tags-left-out": "Formatting of the caption file was left out: {detail}.",
    "captions-speakers-in-one-cue": "A caption has several speakers; the first one was kept.",
    "captions-empty-cue": "A caption without text was left out.",
    "captions-no-empty-line": "An empty line between two captions was missing.",
    "captions-order": "The captions were put in the order of their times.",
    "captions-more-remarks": "Remarks of the same kinds that are not listed: {detail}.",
    "captions-too-many-words": "The captions have more than {limit} different words.",
    "captions-too-many-tracks": "This video has {limit} caption tracks already; delete some first.",
    "captions-conflict": "Somebody else has saved these captions since you opened them.",
    "captions-overlap": "Two captions are shown at the same time.",
    "speech-not-installed": "Speech recognition is not installed here. The video team can install it: ./run up --with-speech",
    "speech-no-model": "There is no speech model for {name}.",
    "speech-no-such-model": "There is no speech model called {name}.",
    "speech-model-unreadable": "The speech model {name} cannot be read.",
    "speech-model-changed": "The speech model {name} is not the one that the settings name.",
    "speech-no-memory": "There is not enough memory for the speech model.",
    "speech-too-slow": "The transcription took longer than its limit and was ended.",
    "speech-language": "The speech model does not know the language {name}.",
    "glossary-long": "The names and terms have together more than {most} characters; keep the ones that matter most.",
    "speech-not-wanted": "No automatic captions are wanted for this video.",
    "speech-made": "This video has captions from its speech already.",
    "speech-no-translation": "The speech model {name} cannot translate.",
    "encode-failed": "The encoding failed. The video team can see the reason below.",
    "encode-stalled": "The encoding made no more progress and was stopped.",
    "encode-too-slow": "The encoding exceeded its time limit and was stopped.",
    "encode-killed": "The system stopped the encoding, perhaps for lack of memory.",
    "task-too-slow": "The task exceeded its time limit and was stopped.",
    "worker-died": "This task crashed its worker several times and was stopped; the video team has to look at it.",
    "disk-full": "The server's disk is full. Nothing is lost: the work continues when there is space again.",
    "service-unavailable": "A service is unavailable at the moment. Nothing is lost: the work continues when it is back.",
    "result-rejected": "The catalog refused the result.",
    "statement-refused": "This learning trace was not accepted.",
    "trace-limit": "Too many learning traces at once; the rest can be sent in a moment.",
    "settings": "The settings contain errors.",
    "settings-no-template": "The settings of this worker do not contain the template {name}.",
    "not-found": "This page or object does not exist.",
    "user-unknown": "The user {name} does not exist.",
    "last-administrator": "This is the last administrator who can sign in.",
    "user-exists": "The user {name} already exists.",
    "user-name": "A user name is one line without spaces at its ends, not too long, and does not begin with {start}.",
    "instance-running": "This instance is already running.",
    "refused": "This is not possible in the current state.",
    "worker-version": "This machine runs version {theirs} of pod_jobs and the web app {ours}: install the same version there.",
    "worker-queue": "The token of this machine is not valid for the queue {queue}.",
    "task-open": "The task waits or runs already.",
    "task-ended": "The task has ended already.",
    "task-not-waiting": "Only a waiting task has a priority to change.",
    "task-done": "The task is done; a new one can be ordered for its video.",
    "task-beside": "Another task of the same kind for the same video is under way, or newer.",
    "task-other-gone": "The task uses another video that is deleted.",
    "order-unreadable": "The order could not be understood.",
    "message-too-large": "A message on the broker is too large to be read. It is kept aside there.",
    "result-not-ready": "The task has not ended yet.",
    "result-failed": "The task has no result, because it failed.",
    "malformed": "The request could not be understood.",
    "address-too-long": "The address of this request is too long.",
    "head-too-large": "The request brings more with it than the server accepts; deleting this site's cookies may help.",
    "unauthorized": "Please sign in.",
    "forbidden": "You are not allowed to do this.",
    "page-outdated": "This page has been open for too long; please reload it and try again.",
    "sign-in-failed": "The name or the password is wrong.",
    "password-wrong": "The current password is wrong.",
    "task-not-failed": "This task has not failed.",
    "task-under-way": "Such a task of this video is under way already.",
    "lane-busy": "This record store is being served at this moment; try again in a minute.",
    "title-empty": "A title needs at least one character.",
    "title-long": "A title has at most {most} characters.",
    "task-shown": "The results of this task are shown; delete the recording instead.",
    "task-newest": "This is the newest task of its kind of its recording, and tells how it stands.",
    "task-moved-on": "The task has begun, ended or changed since.",
    "task-stopping": "The task is still being stopped; it can run again when it has ended.",
    "tasks-changed": "Other tasks match by now than when they were counted. Nothing was changed.",
    "undo-late": "This can no longer be undone: more than a minute has passed.",
    "undo-done": "This was undone already.",
    "filter-name": "The name of a filter has 1 to {most} characters.",
    "filter-empty": "This filter leaves everything open; choose something first.",
    "filter-exists": "You have a filter named “{name}” already.",
    "filter-limit": "You can save at most {most} filters; delete one first.",
    "password-short": "A password needs at least {count} characters.",
    "sign-in-link": "This sign-in link has already been used or has expired.",
    "too-many-attempts": "Too many attempts. Please try again in {minutes} min.",
    "upload-offset": "The upload continues from another position.",
    "upload-busy": "Another connection is already sending this upload.",
    "uploads-limit": "You have too many unfinished uploads ({count}); finish or cancel some. Abandoned ones end after {hours} h.",
    "room-limit": "At present your uploads may reserve {limit} of the disk in all; finish or cancel some, or try again later.",
    "waiting-limit": "Too many of your tasks are waiting ({count}); you can order more when some of them are done.",
    "receiving-limit": "You are sending too many recordings at once; try again when one of them has been uploaded.",
    "too-many-ranges": "With a second recording you can keep at most {most} parts; keep fewer, longer ones.",
    "cancelled": "The task was stopped.",
    "interrupted": "The task was interrupted and will continue.",
    "superseded": "A newer run of this task exists.",
    "internal": "Something unexpected went wrong. The video team can see the reason below.",
}

# codes of recordings that only another file can replace; with the others that begin with "source-", the order is at fault
NEED_ANOTHER_FILE = frozenset(
    f"source-{name}"
    for name in "empty not-media playlist unreadable convert still no-streams protected too-large too-long too-many-pixels "
    "too-many-streams unsupported-codec incomplete damaged missing".split()
)

REASON_LIMIT = 2000  # characters that are kept of a technical reason; the end of ffmpeg's words fits into it


def storable(text: str) -> str:
    """As every database, log and page can hold it: without NUL, and with "?" for half a character (a lone surrogate)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


class PodJobsError(Exception):
    """Base of all errors. `reason`: technical text for the log and for "Technical reason" on a page. `code`: picks the sentence.
    `facts`: values for the names in braces of the sentence, with units, ready to read: {"limit": "10 h"}."""

    code = "internal"

    def __init__(self, reason: str, *, code: str | None = None, **facts: str) -> None:
        super().__init__(reason)
        self.reason = storable(reason)[-REASON_LIMIT:]
        self.code = code or self.code
        self.facts = {name: storable(value) for name, value in facts.items()}
        if self.code not in SENTENCES:
            raise ValueError(f"no sentence for the error code {self.code!r}")

    @property
    def sentence(self) -> str:
        """The English sentence for a person."""
        return sentence(self.code, self.facts)


def sentence(code: str, facts: dict[str, str]) -> str:
    """The English sentence of `code`. A missing fact appears as "?"; an unknown code counts as "internal"."""
    return sentence_in(code, facts, lambda words: words)


def sentence_in(code: str, facts: dict[str, str], translate: Callable[[str], str]) -> str:
    """The sentence in another language. The fact `cause` is itself a code, whose sentence takes the place of {cause}."""
    if "cause" in facts:
        rest = {name: value for name, value in facts.items() if name != "cause"}
        facts = {**rest, "cause": sentence_in(facts["cause"], rest, translate)}
    return translate(SENTENCES.get(code, SENTENCES["internal"])).format_map(_Facts(facts))


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


class SettingsError(PodJobsError):
    """The settings contain errors. `reason` has one line for each, with its key."""

    code = "settings"


class NotFound(PodJobsError):
    """No such object, or none that this person may know of."""

    code = "not-found"


class Refused(PodJobsError):
    """The object exists, but its state does not allow the request, such as cancelling a finished task."""

    code = "refused"


class Malformed(PodJobsError):
    """A field is missing or has a wrong type; the reason names it."""

    code = "malformed"


class Unauthorized(PodJobsError):
    """The request carries no session and no valid token."""

    code = "unauthorized"


class Forbidden(PodJobsError):
    """The role lacks the permission, or the request lacks the proof that it comes from one of our pages."""

    code = "forbidden"


class PermanentError(PodJobsError):
    """A retry cannot help."""


class BadSource(PermanentError):
    """The source file cannot be encoded. Always give a code that starts with "source-"."""

    code = "source-unreadable"


class FfmpegFailed(PermanentError):
    """ffmpeg failed and the source does not explain it; the reason ends with its last words."""

    code = "encode-failed"


class AddressForbidden(PermanentError):
    """An address of another site must not be called. Give the fact `host`; the reason says what is wrong with it."""

    code = "address-forbidden"


class BadCaptions(PermanentError):
    """A caption file has faults; the reason holds each one with its line. Always give a code that starts with "captions-"."""

    code = "captions-unknown-format"
    faults: tuple[tuple[str, int, str], ...] = ()  # the first ones as (code, line, detail)


class ResultRejected(PermanentError):
    """The catalog refused a result for good."""

    code = "result-rejected"


class TransientError(PodJobsError):
    """A retry can help."""


class ServiceUnavailable(TransientError):
    """Something outside this process did not answer, or answered 5xx."""

    code = "service-unavailable"


class NumberTaken(ServiceUnavailable):
    """The media folder holds a recording with the number of a new video: the database was restored from an older backup."""


class WorkerRefused(ServiceUnavailable):
    """The catalog gives this worker no task: the token is revoked or not for its queue, or its version is another one."""


class OutOfResources(TransientError):
    """ffmpeg ended by a signal that we did not send: the OOM killer, an administrator. Or speech recognition found no memory.
    The recording may be the cause, so only `retry.attempts` of a task may end like this, by any of `codes`."""

    code = "encode-killed"
    codes = frozenset((code, "speech-no-memory"))


class DiskFull(TransientError):
    """No space is left: ENOSPC or EDQUOT in a call of ours or in the words of ffmpeg."""

    code = "disk-full"


PASSING = frozenset((ServiceUnavailable.code, DiskFull.code, *OutOfResources.codes))  # codes of what passes by itself


class Stopped(PodJobsError):
    """Somebody wanted the work to end."""


class Cancelled(Stopped):
    """A person cancelled the task."""

    code = "cancelled"


class Interrupted(Stopped):
    """The worker is stopping; the job must run again soon, elsewhere or here."""

    code = "interrupted"


class Superseded(Stopped):
    """The catalog knows a newer generation of this task, or has its result already."""

    code = "superseded"


class Deposed(Stopped):
    """Another janitor leads now. This one must not change anything more."""

    code = "superseded"


def of_system(error: OSError, what: str = "media folder") -> PodJobsError:
    """What an OSError means for the work on `what`: DiskFull, FfmpegFailed for a link or another thing where a file was
    expected (a retry meets it again), else ServiceUnavailable: a disk or a share that does not answer comes back."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return DiskFull(str(error))
        case errno.ELOOP:
            return FfmpegFailed(f"{what}: {error}")
        case _:
            return ServiceUnavailable(f"{what}: {error}")


@contextmanager
def translated_os_errors(what: str = "media folder") -> Iterator[None]:
    """Every OSError of the block as the error of ours that `of_system` gives."""
    try:
        yield
    except OSError as error:
        raise of_system(error, what) from error
