"""Trees whose server is asked name by name: any fsspec file system, and files at plain URLs (docs/remote.md)."""
