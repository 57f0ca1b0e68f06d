# Reading a tree from a shell.  Each "#: NAME" begins a script of its own; $R is the top of the tree, ~ is empty.

#: cd, pwd, list, read
cd $R/dir && pwd && ls .. && cat ./file

#: pwd -P and back
cd $R/links/dir && pwd && pwd -P && cd - && cd .. && pwd

#: physical cd
cd -P $R/links/dir/.. && pwd && cd $R/links/dir/.. && pwd

#: CDPATH
CDPATH=$R cd dir/sub && /bin/pwd

#: pushd
pushd $R/dir >/dev/null
pushd sub
popd
dirs
pwd

#: list names
ls -1 $R $R/names $R/emptydir
ls -a $R/dir

#: list long
cd $R/dir && stat -c '%A %h %s %Y %n' file one sub/leaf && ls -l --time-style=+%s file one .hidden | cut -d' ' -f1,2,5-

#: list the repositories
ls /cvmfs
ls -d /cvmfs /cvmfs/*
cd /cvmfs && ls | sort && cd twin.parrot.test && pwd

#: list unsorted
ls -U $R/many | sort | md5sum
ls -f $R/many | wc -l

#: many names
set -- $R/many/f*
echo $# $1 ${!#}
cat $R/many/f00?? | md5sum

#: globs
cd $R
echo *.txt s*/4*
echo names/*
echo links/*/file
shopt -s globstar dotglob
echo dir/**

#: find
find $R -xdev 2>&1 | sort | md5sum
find $R -type l 2>&1 | sort
find $R -type f -size +1000k 2>&1 | sort

#: find with -ls fields
find $R/dir $R/modes $R/hard $R/links -printf '%y %m %T@ %l %p\n' | sort

#: find deep
find $R/deep -name bottom -exec cat {} +
cd $R/deep && find . | tail -1

#: find newer
find $R -newer $R/dir/file -type f 2>&1 | sort | tail -3
find $R -samefile $R/hard/a 2>&1 | sort
find -L $R/links/dir $R/links/self/script -name '*e*' | sort

#: read everything
find $R -type f -readable -print0 | sort -z | xargs -0 sha256sum | sha256sum

#: grep
grep -r -s --include='*.h' -n PART $R/include | sort
grep -c . $R/big.bin

#: head and tail
head -c 100 $R/big.bin | md5sum
tail -c 100 $R/big.bin | md5sum
tail -n 2 $R/src/main.c

#: dd
dd if=$R/big.bin bs=4096 skip=10 count=5 status=none | md5sum

#: cmp and diff
cmp $R/hard/a $R/hard/c && diff -r $R/dir $R/dir && diff $R/hello.txt $R/empty

#: readlink and realpath
cd $R/links
readlink file abs out-dir long
readlink -f chain-39 abs-dir dir/../file
realpath -s dir/.. up/hello.txt

#: tests
cd $R
for f in hello.txt private unreadable dir links/dangling links/file fifo sock modes/4755 script.sh empty missing; do for t in -e -f -d -L -r -w -x -s -p -S -u -g -k -O -G; do test $t $f && echo -n " $t"; done; echo " $f"; done

#: same file
cd $R
test hard/a -ef hard/b && echo same
test hard/a -ef hard/c || echo different
test old.txt -ot future.txt && echo older

#: attributes
python3 -c 'import os,sys; p=sys.argv[1]; print(sorted(n for n in os.listxattr(p) if n.startswith("user.")), os.getxattr(p, "user.colour"))' $R/attributes

#: file times
stat -c '%Y %y %n' $R/old.txt $R/future.txt $R/fraction.txt $R/links/file

#: du apparent
du -s --apparent-size -B1 $R/sizes/4097 $R/big.bin
wc -c $R/sizes/*

#: od
od -An -tx1 $R/names/-dash $R/names/~ | tr -d '\n'

#: here and process substitution
diff <(cat $R/hello.txt) <(tac $R/hello.txt) && cat <<<"$(<$R/hello.txt)"

#: redirections
cat <$R/hello.txt
exec 5<$R/dir/file
read -u 5 line
echo $line
exec 5<&-
while read a; do echo "<$a>"; done <$R/src/main.c

#: subshells
cd $R
(cd dir; pwd; cat file) & wait
pwd
x=$(cd links && ls | head -2)
echo $x
{ cd sizes; ls; } | cat
pwd

#: background readers
for i in 1 2 3 4 5 6 7 8; do (sha256sum $R/big.bin) & done | sort -u; wait

#: environment
cd $R/dir
env | grep -E '^(PWD|OLDPWD|HOME|PARROT_ENABLED)='

#: writable look
cd $R
test -w hello.txt
echo $?
test -w .
echo $?
test -w links/null
echo $?
test -w /tmp
echo $?
