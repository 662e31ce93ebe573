"""Protobuf's text format as text: tokens, a tree with places and comments; knows no schema."""
