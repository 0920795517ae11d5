"""The offline model: a rule-based stand-in that reads arithmetic problems and speaks the Messages API."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offline_model.transport import OfflineTransport

__all__ = ["MODEL", "OfflineTransport"]

MODEL = "offline-rule-based"


def __getattr__(name: str) -> Any:
    """It takes 0.1 s to import: not before it is really used."""
    if name == "OfflineTransport":
        from offline_model.transport import OfflineTransport  # noqa: PLC0415

        return OfflineTransport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
