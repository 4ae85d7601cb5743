"""What people may say of a recording's speech, read strictly: which language, which terms, captions by themselves or not.

{"language": "fr", "glossary": ["Esup-Pod"], "automatic": false}, all of it optional. `language` "" = to be recognised;
`automatic` false = no captions unless somebody orders them for this video, null = as `speech.automatic` says.
"""

from typing import Any

from pod_jobs.errors import Malformed
from pod_jobs.media.facts.languages import find_language
from pod_jobs.speech.engine import MOST_GLOSSARY_CHARACTERS

MOST_TERMS, MOST_TERM_CHARACTERS = 100, 60
SpeechWish = dict[str, Any]  # only what was said, checked


def read_wish(document: Any) -> SpeechWish:
    """Errors: Malformed, also for a field that does not exist."""
    if not isinstance(document, dict) or document.keys() - {"language", "glossary", "automatic"}:
        raise Malformed("speech: an object with nothing but language, glossary and automatic is needed")
    wish: SpeechWish = {}
    if "language" in document:
        wish["language"] = read_language(document["language"])
    if "glossary" in document:
        wish["glossary"] = read_terms(document["glossary"])
    if "automatic" in document:
        automatic = document["automatic"]
        if automatic is not None and not isinstance(automatic, bool):
            raise Malformed("automatic: true, false or null is needed")
        wish["automatic"] = automatic
    return wish


def read_upload_wish(document: Any) -> SpeechWish:
    """The same of an upload, which may order a translation into English too: {"translate": true}. Errors: Malformed."""
    fields = dict(document) if isinstance(document, dict) else document
    translate = fields.pop("translate", False) if isinstance(fields, dict) else False
    if not isinstance(translate, bool):
        raise Malformed("translate: true or false is needed")
    return {**read_wish(fields), **({"translate": True} if translate else {})}


def read_language(name: Any) -> str:
    """The ISO 639-1 code of a language that somebody named, "" for "". Errors: Malformed."""
    if name == "":
        return ""
    language = find_language(name) if isinstance(name, str) else None
    if language is None:
        raise Malformed(f"language: {name!r} is no ISO 639 code, as fr is")
    return language.code


def read_terms(terms: Any) -> list[str]:
    """Spellings of names and terms. Errors: Malformed."""
    if not isinstance(terms, list) or len(terms) > MOST_TERMS or not all(isinstance(term, str) for term in terms):
        raise Malformed(f"glossary: a list of at most {MOST_TERMS} terms is needed")
    cleaned = [" ".join(term.split()) for term in terms]
    if any(not term or len(term) > MOST_TERM_CHARACTERS for term in cleaned):
        raise Malformed(f"glossary: a term has 1 to {MOST_TERM_CHARACTERS} characters")
    if (length := len(", ".join(cleaned))) > MOST_GLOSSARY_CHARACTERS:
        raise Malformed(f"glossary: {length} characters", code="glossary-long", most=str(MOST_GLOSSARY_CHARACTERS))
    return cleaned
