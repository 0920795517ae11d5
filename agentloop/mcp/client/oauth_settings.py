"""The `oauth` key of a server's entry: what a login needs that the server does not say itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

MACHINE: Final = "client_credentials"


class OAuthSettings(BaseModel):
    """Settings of a login. Nothing is needed if the server registers clients, as most do.

    With `grant` "client_credentials" a program logs in as itself: by its secret, or by a JWT signed with the key in
    `private_key_file`. It is then sent to the authorization server `issuer` only.

    Example:
        >>> OAuthSettings(grant="client_credentials", client_id="ci", client_secret="...", issuer="https://auth.test")
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    client_id: str | None = Field(default=None, validation_alias=AliasChoices("client_id", "clientId"))
    client_secret: str | None = Field(
        default=None, repr=False, validation_alias=AliasChoices("client_secret", "clientSecret")
    )
    client_metadata_url: str | None = Field(
        default=None, validation_alias=AliasChoices("client_metadata_url", "clientMetadataUrl")
    )
    """The https address of the client's metadata document, which is its id at servers that take such (CIMD)."""
    callback_port: int = Field(
        default=0, ge=0, lt=65536, validation_alias=AliasChoices("callback_port", "callbackPort")
    )
    """The port of the redirect URI; 0 takes a free one. A client that is registered by hand may need a fixed one."""
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    issuer: str | None = None
    private_key_file: Path | None = Field(
        default=None, validation_alias=AliasChoices("private_key_file", "privateKeyFile")
    )
    signing_algorithm: str = Field(
        default="RS256", validation_alias=AliasChoices("signing_algorithm", "signingAlgorithm")
    )
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post"] = Field(
        default="client_secret_basic",
        validation_alias=AliasChoices("token_endpoint_auth_method", "tokenEndpointAuthMethod"),
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
