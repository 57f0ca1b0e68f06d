"""The measurements behind ``bin/bench``: native against parrot_py, side by side in one run."""
