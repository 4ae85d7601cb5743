"""Mediapackages and cuts of Opencast Studio, as Pod hands them on."""

import pytest

from pod_jobs.errors import BadSource
from pod_jobs.jobs.pod.mediapackage import Recordings, read_cuts, read_layout, read_mediapackage

PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<mediapackage xmlns="http://mediapackage.opencastproject.org" id="x" start="2026-11-28T10:00:00Z">
  <media>
    <track type="presenter/source" id="1"><mimetype>video/webm</mimetype><url>https://pod/media/o/camera.webm</url></track>
    <track type="presentation/source" id="2"><url>https://pod/media/o/slides.webm</url></track>
  </media>
  <metadata><catalog type="dublincore/episode"><url>https://pod/media/o/dc.xml</url></catalog>{more}</metadata>
</mediapackage>"""
SMIL = '<smil xmlns="http://www.w3.org/ns/SMIL"><body><par>{}</par></body></smil>'


def test_slides_come_first_and_the_presenter_second() -> None:
    smil = '<catalog type="smil/cutting"><url>https://pod/media/o/cut.smil</url></catalog>'
    found = read_mediapackage(PACKAGE.format(more=smil).encode())
    camera, slides = "https://pod/media/o/camera.webm", "https://pod/media/o/slides.webm"
    assert found == Recordings(slides, camera, "https://pod/media/o/cut.smil")


def test_no_other_catalog_and_no_track_is_taken_for_the_cuts() -> None:
    assert read_mediapackage(PACKAGE.format(more='<catalog type="smil/cutting"/>').encode()).smil == ""
    track = '<track type="smil/x"><url>https://pod/media/o/x.webm</url></track>'
    assert read_mediapackage(PACKAGE.format(more=track).encode()).smil == ""


def test_one_recording_alone() -> None:
    only = b'<mediapackage><media><track type="presenter/source"><url>https://pod/a.webm</url></track></media></mediapackage>'
    assert read_mediapackage(only) == Recordings("https://pod/a.webm")


@pytest.mark.parametrize(
    ("clip", "seconds"),
    [
        ('<video clipBegin="1.5s" clipEnd="10s"/><video clipBegin="1.5s" clipEnd="10s"/>', ((1.5, 10.0),)),
        ('<video clipBegin="npt=1s" clipEnd="npt=2s"/>', ((1.0, 2.0),)),
        ('<video clipBegin="500ms" clipEnd="00:01:00"/><audio/>', ((0.5, 60.0),)),
        ("<video/>", ()),
    ],
)
def test_cuts(clip: str, seconds: tuple[tuple[float, float], ...]) -> None:
    assert read_cuts(SMIL.format(clip).encode()) == seconds


@pytest.mark.parametrize(
    "clip",
    [
        '<video clipBegin="soon" clipEnd="2s"/>',
        '<video clipBegin="3s" clipEnd="2s"/>',
        "".join(f'<video clipBegin="{n}s" clipEnd="{n + 1}s"/>' for n in range(51)),
    ],
)
def test_cuts_that_cannot_be_meant(clip: str) -> None:
    with pytest.raises(BadSource):
        read_cuts(SMIL.format(clip).encode())


LAUGHS = '<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><mediapackage>&b;</mediapackage>'
OUTSIDE = '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><mediapackage><media>&x;</media></mediapackage>'


@pytest.mark.parametrize(
    "xml",
    [
        LAUGHS.encode(),
        OUTSIDE.encode(),
        LAUGHS.encode("utf-16"),
        b'<!DOCTYPE m SYSTEM "http://evil/m.dtd"><mediapackage/>',
        b"<mediapackage>",
        b"no xml",
        b"",
        b"<mediapackage/>",
        b'<mediapackage><track type="presenter/source"><url>/srv/media/a.webm</url></track></mediapackage>',
        b'<mediapackage><track type="presenter/source"><url>file:///etc/passwd</url></track></mediapackage>',
    ],
)
def test_documents_that_are_refused(xml: bytes) -> None:
    with pytest.raises(BadSource) as error:
        read_mediapackage(xml)
    assert error.value.code == "source-order"


def test_layouts() -> None:
    assert [read_layout(word) for word in (None, "", "mid", "piph", "pipb")] == [
        *("side", "side", "side", "pip-top-right", "pip-bottom-right"),
    ]
    for word in ("left", 7, ["mid"]):
        with pytest.raises(BadSource):
            read_layout(word)
