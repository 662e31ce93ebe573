"""One file a family of nets: the layers, the papers, the recipes."""
