"""From a tree back to text: one canonical layout, every comment kept."""

from __future__ import annotations

from protonet.text.tree import Block, Field, Scalar, Tree

_INDENT = "  "


def format_text(tree: Tree) -> str:
    """Canonical prototxt: two spaces a level, one field a line, comments where they stood."""
    writer = _Writer(tree)
    writer.items(tree.items, len(tree.source.text), 0)
    return "\n".join(writer.lines) + "\n" if writer.lines else ""


class _Writer:
    def __init__(self, tree: Tree) -> None:
        self.text = tree.source.text
        self.comments = list(tree.comments)
        self.next = 0
        self.last_end = 0
        self.lines: list[str] = []

    def items(self, items: list[Field | Block], end: int, level: int) -> None:
        for item in items:
            self.comments_before(item.start, level)
            self.blank_line(item.start)
            if isinstance(item, Block):
                self.block(item, f"{item.name} {{", level)
            else:
                self.field(item, level)
        self.comments_before(end, level)

    def field(self, item: Field, level: int) -> None:
        if any(isinstance(value, Block) for value in item.values):
            for inner in item.values:
                self.comments_before(inner.start, level)
                if isinstance(inner, Block):
                    self.block(inner, f"{item.name} {{", level)
                else:  # no schema has a list of both
                    self.line(f"{item.name}: {' '.join(inner.parts)}", level, inner.end)
            self.last_end = item.end
            return
        values = [" ".join(v.parts) for v in item.values if isinstance(v, Scalar)]
        value = f"[{', '.join(values)}]" if item.is_list else values[0]
        self.line(f"{item.name}: {value}", level, item.end)

    def block(self, block: Block, head: str, level: int) -> None:
        self.line(head, level, block.header)
        if not block.items and not self.has_comment(block.end):
            self.lines[-1] += "}"
            self.last_end = block.end
            self.trailing(block.end, level)
            return
        self.items(block.items, block.end - 1, level + 1)
        self.line("}", level, block.end)

    def line(self, text: str, level: int, end: int) -> None:
        self.lines.append(_INDENT * level + text)
        self.last_end = end
        self.trailing(end, level)

    def trailing(self, end: int, level: int) -> None:
        """A comment on the line that was just written stays there; one inside comes before."""
        while self.next < len(self.comments) and self.comments[self.next][0] < end:
            self.lines.insert(-1, _INDENT * level + self.comment())
        if self.next < len(self.comments):
            between = self.text[end : self.comments[self.next][0]]
            if "\n" not in between and not between.strip(" \t;,"):
                self.lines[-1] += f"  {self.comment()}"

    def comments_before(self, offset: int, level: int) -> None:
        while self.next < len(self.comments) and self.comments[self.next][0] < offset:
            self.blank_line(self.comments[self.next][0])
            self.last_end = self.comments[self.next][1]
            self.lines.append(_INDENT * level + self.comment())

    def comment(self) -> str:
        start, end = self.comments[self.next]
        self.next += 1
        return self.text[start:end].rstrip(" \t\r\f\v")

    def has_comment(self, end: int) -> bool:
        return self.next < len(self.comments) and self.comments[self.next][0] < end

    def blank_line(self, start: int) -> None:
        """One empty line where the text had any, but none at the start of a block."""
        gap = self.text[self.last_end : start]
        first = not self.lines or self.lines[-1].rstrip().endswith("{")
        if gap.count("\n") > 1 and not first:
            self.lines.append("")
