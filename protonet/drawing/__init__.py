"""Nets as pictures: folded, laid out, written as SVG, PNG, PDF, HTML or Graphviz's language."""

from protonet.drawing.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
