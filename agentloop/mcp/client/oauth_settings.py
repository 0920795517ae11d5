"""The `oauth` key of a server's entry: what a login needs that the server does not say itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

MACHINE: Final = "client_credentials"


class OAuthSettings(BaseModel):
    """Settings of a login. Nothing is needed if the server registers clients, as most do.

    With `grant` "client_credentials" a program logs in as itself: by its secret, or by a JWT signed with the key in
    `private_key_file`. It is then sent to the authorization server `issuer` only.

    Example:
        >>> OAuthSettings(grant="client_credentials", client_id="ci", client_secret="...", issuer="https://auth.test")
    """

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        alias_generator=AliasGenerator(validation_alias=lambda name: AliasChoices(name, to_camel(name))),
    )

    client_id: str | None = None
    client_secret: str | None = Field(default=None, repr=False)
    client_metadata_url: str | None = None
    """The https address of the client's metadata document, which is its id at servers that take such (CIMD)."""
    callback_port: int = Field(default=0, ge=0, lt=65536)
    """The port of the redirect URI; 0 takes a free one. A client that is registered by hand may need a fixed one."""
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    issuer: str | None = None
    private_key_file: Path | None = None
    signing_algorithm: str = "RS256"
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post"] = Field(
        default="client_secret_basic"
    )

    @model_validator(mode="after")
    def _is_complete(self) -> OAuthSettings:
        if self.client_secret is not None and self.client_id is None:
            raise ValueError("`client_secret` needs a `client_id`")
        if self.grant != MACHINE:
            return self
        if self.client_id is None or self.issuer is None:
            raise ValueError("`grant` client_credentials needs `client_id` and `issuer`")
        if (self.client_secret is None) == (self.private_key_file is None):
            raise ValueError("`grant` client_credentials needs either `client_secret` or `private_key_file`")
        return self
