"""The command `orchestrator-client`."""

from agentloop.collecting import starting


def main() -> None:
    with starting():
        from orchestrator_client import cli  # noqa: PLC0415
    cli.main()


if __name__ == "__main__":
    main()
