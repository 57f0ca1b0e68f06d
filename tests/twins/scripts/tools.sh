# Real tools on the tree.  Each "#: NAME" begins a script of its own; $R is the top of the tree, ~ is empty.

#: python3
cd ~
PYTHONPATH=$R/python python3 -c 'import twinpkg; print(twinpkg.value, twinpkg.__file__, twinpkg.__cached__)'
ls $R/python/twinpkg

#: python3 import resources
PYTHONPATH=$R/python python3 -c 'from importlib.resources import files; print(files("twinpkg").joinpath("data.txt").read_text())'

#: python3 walks
python3 -c 'import os,sys; print(sum(len(f)+len(d) for _,d,f in os.walk(sys.argv[1]))); print(sorted(os.scandir(sys.argv[1]+"/dir"), key=lambda e: e.name))' $R

#: python3 errors
cd $R
python3 -c 'import os
for f in (os.mkdir, os.rmdir, os.unlink, os.listdir, os.chdir, os.readlink, os.stat):
 for p in ("dir", "hello.txt", "missing", "links/loop"):
  try: f(p); print(f.__name__, p, os.getcwd()); os.chdir("/cvmfs/twin.parrot.test")
  except OSError as e: print(f.__name__, p, e)'

#: python3 multiprocessing
cd ~
python3 -c 'import multiprocessing as m
if __name__=="__main__":
 with m.Pool(4) as p: print(sum(p.map(len, p.map(__import__("pathlib").Path.read_bytes, [__import__("pathlib").Path("'$R'/many/f%04d" % i) for i in range(200)]))))'

#: gcc
cd ~
gcc -I$R/include -o main $R/src/main.c && ./main
gcc -I$R/include -MM $R/src/main.c
gcc -H -fsyntax-only -I$R/include $R/src/main.c 2>&1 | grep cvmfs

#: gcc from inside
cd $R/src
gcc -I../include -o ~/main main.c && ~/main
gcc -I../include -c main.c 2>&1 | grep -c -i read-only

#: make
cd ~
make -s -j4 -f $R/make/Makefile && cat result
make -j4 -f $R/make/Makefile

#: make inside
cd $R/make
make -k -O -j4 2>&1 | grep -c -i 'read-only'

#: git clone
cd ~
git clone -q $R/repo.git c && cd c && git log --format='%H %s' && cat run && git status --short && git fsck 2>&1

#: git reads
git -C $R/repo.git log --stat --format=%H
git -C $R/repo.git show HEAD:README
git ls-remote $R/repo.git
git -C $R/repo.git tag new
echo $?

#: sqlite3
python3 -c 'import sqlite3,sys; d=sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True); print(d.execute("select count(*), sum(square) from numbers").fetchone())' $R/data.sqlite

#: vi-like save
cd ~
cp $R/src/main.c .
sed -i s/GREETING/PART/ main.c
diff $R/src/main.c main.c
patch -s main.c <<<'' 
echo $?

#: compress
gzip -c $R/big.bin | gzip -dc | cmp - $R/big.bin && echo equal
gzip -k $R/hello.txt
echo $?

#: sort big
sort -S 1M $R/big.bin 2>&1 | md5sum
shuf -n 0 $R/big.bin
split -b 1000000 $R/big.bin ~/part. && cat ~/part.* | cmp - $R/big.bin

#: awk and perl
awk '{print FILENAME, $0}' $R/dir/one $R/dir/two
perl -e 'opendir(D, $ARGV[0]); print join(" ", sort readdir D), "\n"; print -s "$ARGV[0]/file"' $R/dir
