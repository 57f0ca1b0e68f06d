"""CernVM-FS: signed, content-addressed repositories over HTTP."""
