"""Everyday shell use of a tree: each script says and leaves the same on a read-only mount and under parrot_run."""

from __future__ import annotations

import pytest

from tests.twins.conftest import Twins

READING = {
    "cd, pwd, list, read": "cd $R/dir && pwd && ls .. && cat ./file",
    "pwd -P and back": "cd $R/links/dir && pwd && pwd -P && cd - && cd .. && pwd",
    "physical cd": "cd -P $R/links/dir/.. && pwd && cd $R/links/dir/.. && pwd",
    "CDPATH": "CDPATH=$R cd dir/sub && /bin/pwd",
    "pushd": "pushd $R/dir >/dev/null; pushd sub; popd; dirs; pwd",
    "list names": "ls -1 $R $R/names $R/emptydir; ls -a $R/dir",
    "list long": "cd $R/dir && stat -c '%A %h %s %Y %n' file one sub/leaf && ls -l --time-style=+%s file one .hidden | cut -d' ' -f1,2,5-",
    "list the repositories": "ls /cvmfs; ls -d /cvmfs /cvmfs/*; cd /cvmfs && ls | sort && cd twin.parrot.test && pwd",
    "list unsorted": "ls -U $R/many | sort | md5sum; ls -f $R/many | wc -l",
    "many names": "set -- $R/many/f*; echo $# $1 ${!#}; cat $R/many/f00?? | md5sum",
    "globs": "cd $R; echo *.txt s*/4*; echo names/*; echo links/*/file; shopt -s globstar dotglob; echo dir/**",
    "find": "find $R -xdev 2>&1 | sort | md5sum; find $R -type l 2>&1 | sort; find $R -type f -size +1000k 2>&1 | sort",
    "find with -ls fields": "find $R/dir $R/modes $R/hard $R/links -printf '%y %m %T@ %l %p\\n' | sort",
    "find deep": "find $R/deep -name bottom -exec cat {} +; cd $R/deep && find . | tail -1",
    "find newer": "find $R -newer $R/dir/file -type f 2>&1 | sort | tail -3; find $R -samefile $R/hard/a 2>&1 | sort; find -L $R/links/dir $R/links/self/script -name '*e*' | sort",
    "read everything": "find $R -type f -readable -print0 | sort -z | xargs -0 sha256sum | sha256sum",
    "grep": "grep -r -s --include='*.h' -n PART $R/include | sort; grep -c . $R/big.bin",
    "head and tail": "head -c 100 $R/big.bin | md5sum; tail -c 100 $R/big.bin | md5sum; tail -n 2 $R/src/main.c",
    "dd": "dd if=$R/big.bin bs=4096 skip=10 count=5 status=none | md5sum",
    "cmp and diff": "cmp $R/hard/a $R/hard/c && diff -r $R/dir $R/dir && diff $R/hello.txt $R/empty",
    "readlink and realpath": "cd $R/links; readlink file abs out-dir long; readlink -f chain-39 abs-dir dir/../file; realpath -s dir/.. up/hello.txt",
    "tests": "cd $R; for f in hello.txt private unreadable dir links/dangling links/file fifo sock modes/4755 script.sh empty missing; do"
    ' for t in -e -f -d -L -r -w -x -s -p -S -u -g -k -O -G; do test $t $f && echo -n " $t"; done; echo " $f"; done',
    "same file": "cd $R; test hard/a -ef hard/b && echo same; test hard/a -ef hard/c || echo different; test old.txt -ot future.txt && echo older",
    "attributes": 'python3 -c \'import os,sys; p=sys.argv[1]; print(sorted(n for n in os.listxattr(p) if n.startswith("user.")), os.getxattr(p, "user.colour"))\' $R/attributes',
    "file times": "stat -c '%Y %y %n' $R/old.txt $R/future.txt $R/fraction.txt $R/links/file",
    "du apparent": "du -s --apparent-size -B1 $R/sizes/4097 $R/big.bin; wc -c $R/sizes/*",
    "od": "od -An -tx1 $R/names/-dash $R/names/~ | tr -d '\\n'",
    "here and process substitution": 'diff <(cat $R/hello.txt) <(tac $R/hello.txt) && cat <<<"$(<$R/hello.txt)"',
    "redirections": 'cat <$R/hello.txt; exec 5<$R/dir/file; read -u 5 line; echo $line; exec 5<&-; while read a; do echo "<$a>"; done <$R/src/main.c',
    "subshells": "cd $R; (cd dir; pwd; cat file) & wait; pwd; x=$(cd links && ls | head -2); echo $x; { cd sizes; ls; } | cat; pwd",
    "background readers": "for i in 1 2 3 4 5 6 7 8; do (sha256sum $R/big.bin) & done | sort -u; wait",
    "environment": "cd $R/dir; env | grep -E '^(PWD|OLDPWD|HOME|PARROT_ENABLED)='",
}

TROUBLE = {
    "cat a directory": "cat $R/dir; cat $R/dir/; cat <$R/dir",
    "cat nothing": "cat $R/missing $R/hello.txt/x $R/links/dangling $R/links/loop; echo rest",
    "cat forbidden": "cat $R/unreadable $R/noexec-dir/file; ls $R/noread-dir; cat $R/noread-dir/file; ls $R/noexec-dir; cd $R/noexec-dir",
    "rm": "cd $R; rm hello.txt; rm -f hello.txt; rm -rf dir 2>&1 | sort; rm -f missing; rm -f dir/missing/x; rmdir emptydir; rm -r links/dir; ls dir",
    "touch": "cd $R; touch hello.txt; touch new; touch -c missing; touch dir; touch -h links/file; touch links/dangling; touch missing/x",
    "mkdir": "cd $R; mkdir new; mkdir dir; mkdir -p dir/sub; mkdir -p dir/new/newer; mkdir missing/new; mkdir hello.txt/new",
    "mv": "cd $R; mv hello.txt other; mv hello.txt ~/stolen; ls ~; echo mine >~/mine; mv ~/mine .; cat ~/mine; mv dir ~/d 2>&1 | sort; ls ~/d; mv -T dir links",
    "ln": "cd $R; ln hello.txt new; ln -s hello.txt new; ln hello.txt ~/new; ls ~; ln -s x hello.txt; ln ~/none new",
    "redirect into it": "cd $R; echo x >new; echo x >hello.txt; echo x >>hello.txt; echo x >dir; : >missing/x; echo x >links/null; echo x 2>new; echo $?",
    "chmod, chown": "cd $R; chmod 600 hello.txt; chmod -R a+x dir 2>&1 | sort; chown $(id -u) hello.txt; chgrp $(id -g) hello.txt; setfacl -m u:1:r hello.txt 2>/dev/null; truncate -s 0 hello.txt",
    "cp into it": "cd $R; cp hello.txt new; cp -r dir new; cp /etc/passwd .; cp /etc/passwd hello.txt; cp -f /etc/passwd hello.txt; install -d new/x",
    "tee, sed -i, mktemp": "cd $R; echo x | tee new hello.txt; sed -i s/h/H/ hello.txt 2>&1 | sed 's/sed[^ ]*:/sed:/g'; mktemp -p . abcXXX 2>&1 | sed 's/abc.*:/abc:/'; mkfifo pipe; mknod node p; sync hello.txt",
    "writable look": "cd $R; test -w hello.txt; echo $?; test -w .; echo $?; test -w links/null; echo $?; test -w /tmp; echo $?",
    "cd": "cd $R/hello.txt; cd $R/missing; cd $R/links/loop; cd $R/links/dangling; pwd",
    "unconfigured": "ls $R/links/unconfigured; cat /cvmfs/unknown.parrot.test/x; ls /cvmfs/unknown.parrot.test; cd /cvmfs/none; stat -c %F /cvmfs",
    "cvmfs itself": "mkdir /cvmfs/new; rm -f /cvmfs/x; touch /cvmfs/x; ln -s a /cvmfs/b; mv $R /cvmfs/other; rmdir $R",
}

BOTH_WAYS = {
    "my link to a file": "ln -s $R/hello.txt ~/x && cat ~/x && cat <~/x && ls -L ~/x && stat -L -c '%s %a' ~/x",
    "my link to a directory": "ln -s $R ~/sw && ls ~/sw/dir && cd ~/sw/dir && pwd && pwd -P && cat file && cd .. && pwd && cat ~/sw/links/file",
    "link to a link to a link": "ln -s $R/links ~/a && ln -s a/dir ~/b && ln -s $PWD/b/sub ~/c && cat ~/c/leaf && realpath ~/c",
    "relative names out": "cd $R/dir/sub && cat ../../../../usr/include/stdio.h | head -3 && ls -d ../../../../tmp && cat ../../../../../../dev/null",
    "relative names in": "cd /usr/include && cat ../..$R/hello.txt && cd ../..$R/dir && cat file && ls ../../../usr/include/stdio.h",
    "write outside from inside": "cd $R/dir && cat file >~/copy && cat ~/copy && mkdir -p ~/d/e && cp sub/* ~/d/e && (cd ~/d/e && ls) && rm -r ~/d",
    "cp -a": "cp -a $R/dir $R/links $R/hard $R/modes/0644 $R/modes/4755 $R/names ~/ && cd ~ && find . -mindepth 1 -printf '%y %m %T@ %l %P\\n' | sort && test hard/a -ef hard/b",
    "cp -r of all": "cp -r $R/nested $R/names $R/noexec-dir ~/ 2>&1 | sort; cd ~ && find . | sort | md5sum; chmod -R u+rwx ~/",
    "cp -L": "cp -L $R/links/file $R/links/abs $R/links/chain-39 ~/ && cat ~/*",
    "tar": "tar c -C $R dir links hard names sizes many | tar t | sort | md5sum; tar c -C $R dir hard | tar x -C ~ && find ~ -mindepth 1 -printf '%y %m %T@ %P\\n' | sort",
    "tar of all": "tar c -C /cvmfs --exclude=unreadable --exclude=0000 --exclude=exec-only --exclude='no*-dir' twin.parrot.test 2>/dev/null | tar tv --full-time | awk '{print $1,$3,$4,$5,$6}' | grep -v ^d | sort | md5sum",
    "rsync": "rsync -a $R/dir $R/links $R/hard $R/sizes ~/ && rsync -a --itemize-changes $R/dir ~/ && find ~ -mindepth 1 -printf '%y %m %T@ %l %P\\n' | sort",
    "script in my directory": "printf '#!%s/script.sh\\n' $R >~/s; chmod +x ~/s; ~/s; echo $?; ln -s $R/script.sh ~/t; ~/t 3; echo $?; PATH=$R:$PATH; script.sh 4; echo $?",
    "source a file": "cp $R/src/main.c ~/; printf 'echo sourced from %s\\n' '$PWD' >~/f; cd $R/dir; . ~/f; . $R/names/~ 2>/dev/null; echo $?",
    "xargs and env": 'echo a b | xargs -n1 $R/script.sh 0; env -i $R/bin/report-static 0; nice $R/bin/report-static 0; bash -c "exec -a renamed $R/bin/report-static 0"',
    "timeout and kill": 'timeout 5 cat $R/hello.txt; timeout -s TERM 0.2 sh -c "cd $R; while :; do cat hello.txt; done" >/dev/null; echo $?',
}


def _cases(table: dict[str, str]) -> list[object]:
    return [pytest.param(script, id=name) for name, script in table.items()]


@pytest.mark.parametrize("script", [*_cases(READING), *_cases(BOTH_WAYS)])
def test_reading(twins: Twins, script: str) -> None:
    native = twins.shell(f"set -o pipefail; cd ~; {script}; echo status $?")
    assert native.stdout


@pytest.mark.parametrize("script", _cases(TROUBLE))
def test_trouble(twins: Twins, script: str) -> None:
    native = twins.shell(f"export LC_ALL=C; cd ~; {script}; echo status $?")
    assert native.stderr
