"""The offline model: reads calculations and purchases by fixed rules, speaks the Messages API, is no language model."""

MODEL = "offline-rule-based"
