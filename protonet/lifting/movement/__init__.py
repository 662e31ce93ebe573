"""Operators that only move elements: as maps of places, and the layers that do the same."""
