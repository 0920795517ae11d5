"""What happens to the terminal's settings when a signal comes."""

import signal

from orchestrator_client.terminal import undone_on_signals


def test_a_signal_that_is_ignored_as_nohup_does_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    undone: list[str] = []
    try:
        with undone_on_signals(lambda: undone.append("undone")):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert undone == []
