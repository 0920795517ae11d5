"""`python -m offline_model --port N`: the offline model as a server that any Messages client can use."""

import logging

import click

from agentloop.testing.in_process import serve
from offline_model.answering import answer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one.")
def main(host: str, port: int) -> None:
    """Serve the built-in reader, which follows fixed rules and is not a language model. Any key will do."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    serve(answer, host, port, announce=lambda url: click.echo(f"ANTHROPIC_BASE_URL={url}"))


if __name__ == "__main__":
    main(prog_name="python -m offline_model")
