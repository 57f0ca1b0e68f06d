#!/bin/sh
# Shows where a script runs that was started from a repository.
echo "Hello from $0"
cd "$(dirname "$0")" || exit 1
echo "working directory: $(pwd)"
echo "interpreter:       $(readlink /proc/$$/exe 2>/dev/null || echo unknown)"
echo "machine:           $(uname -n), $(uname -s) $(uname -m)"
echo "what lies here:"
ls -l
