"""Seconds as text."""


def clock(seconds: float) -> str:
    """83.4 -> "1:23", 7265 -> "2:01:05". 10.998 counts as 11, as on the pages."""
    minutes, rest = divmod(int(seconds + 0.05), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def vtt_time(seconds: float) -> str:
    """3661.5 -> "01:01:01.500", as WebVTT writes it."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
