"""[mail] of settings.toml: how administrators are told by mail what needs them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pod_jobs.settings.section import Listed, PositiveInt, Section

ADDRESS = r"^[^\s@<>,;:]+@[^\s@<>,;:]+$"


class MailSettings(Section):
    """The mail server and the recipients. `server`: "" = no mail is sent."""

    server: Annotated[str, Field(pattern=r"^\S*$")] = ""
    port: Annotated[PositiveInt, Field(le=65535)] = 25
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    sender: Annotated[str, Field(pattern=rf"{ADDRESS}|^$")] = ""
    recipients: Annotated[tuple[Annotated[str, Field(pattern=ADDRESS)], ...], Listed] = ()
    language: Literal["en", "fr"] = "en"

    @model_validator(mode="after")
    def _is_whole(self) -> "MailSettings":
        if self.server and not (self.sender and self.recipients):
            raise ValueError("a server needs a sender and recipients")
        if self.user and self.encryption == "none":
            raise ValueError(
                'a user needs encryption "starttls" or "tls": else the password would be sent in plain text'
            )
        return self
