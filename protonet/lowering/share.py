"""One parameter under several paths: as the same tensor, or as a view in another shape."""

from __future__ import annotations

from dataclasses import replace

from protonet.graph import Graph, Node, Param
from protonet.layers.blob import Blob, BlobLayout
from protonet.program.expr import Attribute, Call, Expr, Mapping, Name, Ref, wrap
from protonet.program.program import Free, Program, Share, Statement


def share(program: Program, graph: Graph) -> Program:
    """Have later owners of a parameter hold, or be called with, that of the first.

    Source: Net::AppendParam.
    """
    attributes = {part.origin: part.attribute for part in program.main.submodules}
    paths: dict[Param, str] = {}
    shares: list[Share] = []
    views: dict[str, dict[str, Expr]] = {}
    for node in graph.nodes:
        attribute = attributes.get(node.origin)
        for param, blob in zip(node.params, node.blobs, strict=True) if attribute else ():
            path = f"{attribute}.{blob.name}"
            owner = paths.setdefault(param, path)
            if owner is path:
                continue
            same = same_tensor(param.blob, blob)
            shares.append(_share(path, owner if same else None, param, node))
            if attribute and not same:
                views.setdefault(attribute, {})[blob.name] = view(owner, param.blob, blob)
    cls = replace(program.main, shares=tuple(shares))
    if views:
        cls = replace(cls, statements=tuple(_lent(s, views) for s in cls.statements))
    return replace(program, classes=(cls,))


def _share(path: str, owner: str | None, param: Param, node: Node) -> Share:
    return Share(path, owner, param.is_statistic and owner is not None, node.origin)


def same_tensor(owner: Blob, blob: Blob) -> bool:
    """Whether a layer can hold a shared parameter as its owner does."""
    alike = owner.layout is blob.layout and owner.held_shape == blob.held_shape
    return alike and (owner.shape == blob.shape or blob.layout is not BlobLayout.TRANSPOSED)


def view(path: str, owner: Blob, blob: Blob) -> Expr:
    """The owner's tensor as another layer reads it; Caffe shares the elements in their order."""
    turned, turns = (b.layout is BlobLayout.TRANSPOSED for b in (owner, blob))
    value: Expr = Name("self")
    for name in path.split("."):
        value = Attribute(value, name)
    value = value.t() if turned else value
    given = owner.shape if turned else owner.held_shape
    wanted = blob.shape if turns else blob.held_shape
    value = value if given == wanted else value.reshape(*wanted)
    return value.t() if turns else value


def _lent(statement: Statement | Free, views: dict[str, dict[str, Expr]]) -> Statement | Free:
    """The statement, calls of modules that borrow parameters made with them."""

    def called(part: Expr) -> Expr:
        if not (isinstance(part, Call) and isinstance(part.function, Attribute)):
            return part
        module = part.function
        borrowed = views.get(module.name)
        if not (borrowed and isinstance(module.value, Name) and module.value.name == "self"):
            return part
        given = part.args[0] if len(part.args) == 1 else wrap(part.args)
        more = (Mapping(part.kwargs),) if part.kwargs else ()
        functional = Ref("torch.func.functional_call")
        return Call(functional, (module, Mapping(borrowed), given, *more), {})

    if isinstance(statement, Free):
        return statement
    return replace(statement, value=statement.value.changed(called))
