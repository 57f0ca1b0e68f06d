"""Verified objects on the disk, named by their hashes, shared by all processes of a node (docs/cache.md)."""
