"""`python -m offline_model --port N`: the offline model as a server that any Messages client can use."""

import logging

import click

from offline_model.server import serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 picks a free one.")
def main(host: str, port: int) -> None:
    """Serve the offline, rule-based model over the Messages API. No key is needed; any will do."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    serve(host, port)


if __name__ == "__main__":
    main(prog_name="python -m offline_model")
