"""What a revision contains: catalogs and history databases read, checked and put together to one tree."""
