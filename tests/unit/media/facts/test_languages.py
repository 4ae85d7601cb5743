import pytest

from pod_jobs.media.facts.languages import Language, find_language


@pytest.mark.parametrize("code", ["fra", "fre", "fr", "FR", "fr-CA", "fr_FR", " fre "])
def test_what_files_say(code: str) -> None:
    assert find_language(code) == Language("fr", "Français")


@pytest.mark.parametrize("code", ["", "und", "xx", "../../x", "french", "f", '"', "français"])
def test_what_is_not_in_the_table_is_nothing(code: str) -> None:
    assert find_language(code) is None


def test_the_table_is_whole() -> None:
    for one, three, name in (
        ("de", "ger", "Deutsch"),
        ("zh", "chi", "中文"),
        ("nb", "nob", "Norsk bokmål"),
        ("ar", "ara", "العربية"),
    ):
        assert find_language(one) == find_language(three) == Language(one, name)
