"""protonet completion: the script by which a shell completes commands, options and nets."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete `protonet`.

    \b
    bash   echo 'eval "$(protonet completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(protonet completion zsh)"' >> ~/.zshrc
    fish   protonet completion fish > ~/.config/fish/completions/protonet.fish

    A new shell then completes commands, options and their values, layer types, the names of the
    zoo, *.prototxt files where a net is taken, and files with weights where these are.
    """
    made = get_completion_class(shell)
    assert made is not None
    root = context.find_root().command
    click.echo(made(root, {}, "protonet", "_PROTONET_COMPLETE").source(), nl=False)
