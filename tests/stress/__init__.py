"""Load: many threads and processes, and what befalls them, for seconds (everyday) or minutes (bin/test --stress)."""
