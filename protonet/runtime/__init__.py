"""What executes: the module of a program, the places of its blobs, its layers one by one."""
