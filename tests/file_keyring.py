"""A keyring, as the library `keyring` takes them, in a file of the home directory."""

import json
from pathlib import Path

from keyring.backend import KeyringBackend


class FileKeyring(KeyringBackend):
    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        found = self._read().get(f"{service} {username}")
        return None if found is None else str(found)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file.write_text(json.dumps(self._read() | {f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        self._file.write_text(json.dumps({k: v for k, v in self._read().items() if k != f"{service} {username}"}))

    @property
    def _file(self) -> Path:
        return Path.home() / "keyring.json"

    def _read(self) -> dict[str, str]:
        return dict(json.loads(self._file.read_text())) if self._file.exists() else {}
