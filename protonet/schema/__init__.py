"""What the fields of a prototxt mean: messages, binding, upgrades and phases; knows no layers."""
