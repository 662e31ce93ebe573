"""protonet view: a net in the browser, its prototxt beside it."""

from __future__ import annotations

from typing import Any

import click

from protonet.cli.nets import NET
from protonet.cli.options import net_options, refuse_own_input
from protonet.cli.outputs import NewFile, refuse_other_kinds
from protonet.diagnostics import NetError, Source
from protonet.schema.load import Readable
from protonet.selection import Selection


@click.command()
@click.argument("net", type=NET)
@net_options
@click.option("--export", type=NewFile(), help="Write one HTML file instead, and serve nothing.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port. [a free one]")
@click.option("--browser/--no-browser", default=True, help="Open the page. [yes]")
@click.option(
    "--collapse",
    type=click.Choice(["blocks", "none"]),
    default="blocks",
    show_default=True,
    help="How the page begins; it can do both.",
)
@click.option(
    "--direction",
    type=click.Choice(["TB", "LR"], case_sensitive=False),
    default="TB",
    show_default=True,
    help="From top to bottom or from left to right.",
)
def command(
    net: Readable,
    export: str | None,
    port: int,
    browser: bool,
    collapse: str,
    direction: str,
    selection: Selection,
) -> None:
    """Show NET in the browser, with an editor beside it.

    \b
    protonet view net.prototxt
    protonet view net.prototxt --export net.html

    The page follows the file while it is edited elsewhere, and its editor shows every problem as
    one types; it writes the file when Save is pressed, and not before. It is served on 127.0.0.1
    alone, until Ctrl-C. An exported page works without protonet and without a network.
    """
    from protonet.drawing.compose import Style

    style = Style(collapse=collapse == "blocks", across=direction == "LR")
    if export:
        _export(net, export, style, selection)
    else:
        _serve(net, port, browser, style, selection)


def _export(net: Readable, path: str, style: Any, selection: Selection) -> None:
    from protonet.drawing.drawing import exported
    from protonet.files import write_whole

    refuse_own_input(net, path)
    refuse_other_kinds(path, "view", "a page", (".html", ".htm"), "a page: --export net.html")
    write_whole(path, exported(net, style, selection))


def _serve(net: Readable, port: int, browser: bool, style: Any, selection: Selection) -> None:
    import webbrowser

    from protonet.drawing.live import Session

    if isinstance(net, Source):
        raise click.UsageError("the page follows a file: - and --define go with --export only")
    session = Session(str(net), selection, style)
    session.text()
    with _server(session, port) as server:
        click.echo(f"{server.url}\nCtrl-C ends it", err=True)
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("", err=True)


def _server(session: Any, port: int) -> Any:
    from protonet.drawing.server import Server

    try:
        return Server(session, port)
    except OSError as error:
        hint = "leave --port out for a free one"
        raise NetError(f"port {port} can't be had: {error.strerror}", None, hint) from None
