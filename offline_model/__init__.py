"""The offline model: a rule-based stand-in that reads arithmetic problems and speaks the Messages API."""

from offline_model.answering import MODEL
from offline_model.transport import OfflineTransport

__all__ = ["MODEL", "OfflineTransport"]
