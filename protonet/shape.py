"""The shape of an array or a tensor, as a type."""

Shape = tuple[int, ...]
