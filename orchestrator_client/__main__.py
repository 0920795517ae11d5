"""The command `orchestrator-client`."""

from mcp_calc_server.__main__ import run_command


def main() -> None:
    run_command("orchestrator_client.cli")


if __name__ == "__main__":
    main()
