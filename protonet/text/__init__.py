"""Protobuf's text format as text: a grammar, a tree with places and comments; knows no schema."""
