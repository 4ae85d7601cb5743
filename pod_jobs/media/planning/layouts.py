"""Names for positions in a picture, which settings, orders and the media library share."""

CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
LAYOUTS = ("side", *(f"pip-{corner}" for corner in CORNERS))  # two recordings side by side, or one inside the other
POD_LAYOUTS = {"mid": "side", "piph": "pip-top-right", "pipb": "pip-bottom-right"}  # Esup-Pod's `presenter`


def layout_named(word: str) -> str | None:
    """The layout with this name, which may also be Esup-Pod's; None for any other word."""
    name = POD_LAYOUTS.get(word, word)
    return name if name in LAYOUTS else None
