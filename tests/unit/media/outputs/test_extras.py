from pathlib import Path

import pytest

from pod_jobs.media.outputs import extras


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_the_picture_that_shows_something_gets_the_first_name(tmp_path: Path, order: list[int]) -> None:
    names = ["thumbnail_1.jpg", "thumbnail_2.jpg", "thumbnail_3.jpg"]
    for place, name in enumerate(names):
        (tmp_path / name).write_text(str(place))
    extras._put_in_order(tmp_path, names, order)
    assert [int((tmp_path / name).read_text()) for name in names] == order
    assert len(list(tmp_path.iterdir())) == len(names)
