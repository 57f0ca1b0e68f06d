"""What is fetched before the job asks for it, and the records that say what that is (docs/prefetching.md)."""
