import pytest

from pod_jobs.errors import SettingsError
from pod_jobs.speech.models import ModelChoice, choose

ANY, FRENCH = ModelChoice(path="/any"), ModelChoice(path="/fr")


def test_a_language_has_its_model_or_the_one_for_all() -> None:
    assert [choose({"*": ANY, "fr": FRENCH}, language) for language in ("fr", "de")] == [FRENCH, ANY]
    with pytest.raises(SettingsError, match="none for 'de'"):
        choose({"fr": FRENCH}, "de")
