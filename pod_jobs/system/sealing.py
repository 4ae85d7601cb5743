"""Keeps a secret that has to be used again: sealed in the database, open only in the memory of the process that uses it."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class Seal:
    """Seals with a key of any length, which must be long and random. Fernet: AES-128-CBC with HMAC-SHA256."""

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))

    def close(self, text: str) -> str:
        """The sealed text; "" stays ""."""
        return self._fernet.encrypt(text.encode()).decode("ascii") if text else ""

    def open(self, sealed: str) -> str:
        """What was sealed. Errors: ValueError when another key sealed it, or it was changed."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise ValueError("it was sealed with another key") from error
