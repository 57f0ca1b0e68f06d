# The tree of tests/acceptance/test_budget_programs.py.
mkdir hundred thousand ten bin
for i in $(seq 100); do echo $i >hundred/file$i; done
for i in $(seq 20); do mkdir thousand/dir$i; for j in $(seq 50); do echo $j >thousand/dir$i/file$j; done; done
for i in $(seq 10); do seq 1 $i >ten/file$i; done
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >hello.c
printf '#!/bin/sh\n:\n' >bin/script
chmod +x bin/script
cp /bin/true bin/true
if command -v git >/dev/null; then
    git init -q -b main work
    cp -r ten thousand/dir1 work
    git -C work add -A
    git -C work -c user.name=A -c user.email=a@x commit -qm everything
fi
