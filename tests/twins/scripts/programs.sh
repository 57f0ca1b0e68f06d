# Programs, scripts and a loader that lie in the tree.  Each "#: NAME" begins a script of its own; $R is the top of the tree, ~ is empty.

#: program
$R/bin/report-static 0 a 'b c' ''
$R/bin/report-dynamic 0
$R/bin/exec-only 0

#: loader inside
$R/bin/report-own-loader 0 x
cd $R/bin && ./report-own-loader 0
PATH=$R/bin:$PATH report-own-loader 0

#: loader called by name
$R/lib/ld-linux-x86-64.so.2 --list $R/bin/report-own-loader | sed 's/ (0x.*//'; $R/lib/ld-linux-x86-64.so.2 $R/bin/report-own-loader 0 | grep -v AT_EXECFN

#: ldd
ldd $R/bin/report-own-loader | sed 's/ (0x.*//'

#: programs in a pipe
$R/bin/report-own-loader 0 | $R/bin/../script.sh 0 | cat

#: scripts
for s in $R/script*; do echo "== $s"; $s 3 x; echo "-> $?"; done 2>&1

#: python script
$R/script.py a b
cd $R
./script.py
python3 script.py x

#: LD_LIBRARY_PATH
LD_LIBRARY_PATH=$R/lib cat $R/hello.txt

#: LD_PRELOAD
LD_PRELOAD=$R/lib/libc.so.6 cat $R/hello.txt
