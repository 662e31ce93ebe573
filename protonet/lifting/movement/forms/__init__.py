"""Orders of elements that layers give: one file each, which adds nothing where it is another."""
