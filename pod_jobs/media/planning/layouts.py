"""The names for places in a picture, as settings, orders and the media library use them."""

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
LAYOUTS = ("side", *(f"pip-{corner}" for corner in CORNERS))  # of two recordings: side by side, or one in the other
POD_LAYOUTS = {"mid": "side", "piph": "pip-top-right", "pipb": "pip-bottom-right"}  # Esup-Pod's `presenter`


def layout_named(word: str) -> str | None:
    """One of LAYOUTS, by its name or Esup-Pod's; None for another word."""
    name = POD_LAYOUTS.get(word, word)
    return name if name in LAYOUTS else None
