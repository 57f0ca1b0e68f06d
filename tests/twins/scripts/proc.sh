# What programs that look at /proc say of a job in a tree.  Each "#: NAME" begins a script of its own; $R is the top of
# the tree, ~ is empty.

#: df
cd $R/dir
df --output=target $R $R/dir/file /cvmfs . | sort -u
df -T $R | awk 'NR>1 {print NF, $NF}'
df -P . | awk 'NR>1 {print $6}'
df -a 2>/dev/null | awk '{print $NF}' | grep cvmfs | sort

#: stat of file systems
cd $R/dir
stat -f -c '%l %n' $R . | cut -c1-4
stat -c %m $R/dir/file . /cvmfs
python3 -c 'import os,sys; print([os.path.ismount(p) for p in ("/cvmfs", sys.argv[1], sys.argv[1]+"/dir", ".", "/")])' $R

#: tables of mounts
ls $R >/dev/null
mount | awk '{print $3}' | grep cvmfs | sort
awk '$5 ~ /cvmfs/ {print $5}' /proc/self/mountinfo | sort
grep -hc cvmfs /etc/mtab /proc/mounts /proc/$$/mounts /proc/self/mountstats
ln -s /proc/mounts ~/table && grep -c $R ~/table

#: findmnt
cd $R/dir
findmnt -n -o TARGET -T $R/dir/file
findmnt -n -o TARGET -T .
findmnt -n -o TARGET $R
findmnt -n -o OPTIONS $R | cut -d, -f1
findmnt -rn -o TARGET | grep cvmfs | sort

#: mountpoint
mountpoint $R; mountpoint -q $R/dir; echo $?; mountpoint /cvmfs

#: descriptors of another process
cd $R/dir
exec 9<$R/hello.txt
sleep 100 & p=$!
# it has more of them while it loads its libraries
until [ "$(cat /proc/$p/comm) $(ls /proc/$p/fd | tr '\n' ' ')" = "sleep 0 1 2 9 " ]; do :; done
ls -l /proc/$p/fd/9 /proc/$p/cwd | sed 's/.* -> //'
ls /proc/$p/fd | tr '\n' ' '
readlink -f /proc/$p/fd/9 /proc/$p/cwd /proc/self/fd/9
cat /proc/$p/fd/9 /proc/$p/cwd/file
head -c 5 /proc/$p/fdinfo/9
kill $p

#: procps
cd $R/dir
sleep 100 & p=$!
while [ "$(cat /proc/$p/comm)" != sleep ]; do :; done
pwdx $p | sed 's/^[0-9]*/N/'
ps -o comm=,args= -p $p
pgrep -P $$ -x sleep | wc -l
pmap $p | awk '{print $NF}' | grep -c sleep
pmap -x $p | tail -1 | awk '{print NF}'
kill $p

#: maps of a program in the tree
loader=$(echo $R/lib/ld-*)
$loader --library-path $R/lib /bin/cat /proc/self/maps | awk '{print $6}' | grep cvmfs | sort -u
$loader --library-path $R/lib /bin/sleep 100 & p=$!
until grep -q $R/lib/libc /proc/$p/maps 2>/dev/null; do :; done
pmap -p $p | awk '{print $NF}' | grep cvmfs | sort -u
readlink /proc/$p/exe
ls /proc/$p/map_files | wc -l | sed 's/.*[0-9]/some/'
ln -s /proc/self/maps ~/maps && $loader --library-path $R/lib /bin/cat ~/maps | grep -c $R
kill $p

#: lsof
cd $R/dir
exec 9<$R/hello.txt
sleep 100 & p=$!
while [ "$(cat /proc/$p/comm)" != sleep ]; do :; done
lsof -p $p -a -d cwd,9 -F n 2>/dev/null | grep ^n
lsof $R/hello.txt 2>/dev/null | awk 'NR>1 {print $1, $NF}' | grep -E '^(bash|sleep)' | sort -u
lsof +D $R/dir 2>/dev/null | awk 'NR>1 {print $NF}' | sort -u
kill $p
loader=$(echo $R/lib/ld-*)
$loader --library-path $R/lib /bin/sleep 100 & p=$!
until grep -q $R/lib/libc /proc/$p/maps 2>/dev/null; do :; done
lsof -p $p -a -d txt,mem -F n 2>/dev/null | grep cvmfs | sort -u
kill $p

#: fuser
cd $R/dir
exec 9<$R/hello.txt
fuser $R/hello.txt 2>/dev/null | grep -wc $$
fuser -v $R/hello.txt 2>&1 | grep -v Permission | awk 'NR>1 {print $NF}' | grep -m1 bash
fuser -m $R 2>/dev/null | grep -wc $$
fuser $R/dir/one 2>/dev/null; echo $?

#: from within /proc
cd $R/dir
exec 9<$R/hello.txt
cat < /dev/fd/9
cat /dev/stdin < $R/hello.txt
(cd /proc/self && cat fd/9; cat cwd/comm)
(cd /proc/self/fd && cat 9; ls -l 9 | sed 's/.* -> //'; head -1 ../fdinfo/9)
(cd /proc/$$/cwd && pwd -P && ls)
stat -L -c '%F %s' /proc/self/fd/9 /proc//self/./fd/9 /proc/self/fd/../fd/9

#: links that lead through /proc
cd $R/dir
exec 9<$R/hello.txt
ln -s /proc/self/cwd ~/here; ln -s /proc/self/fd ~/descriptors; ln -s /proc/self ~/me; ln -s /dev/fd/9 ~/nine
cat ~/here/file; ls ~/here; stat -L -c '%F %s' ~/here/file ~/here/../hello.txt; cat ~/here/missing 2>&1
(cd ~/here && pwd -P)
cat ~/descriptors/9; cat ~/nine; readlink -f ~/me/fd/9 | sed 's/[0-9][0-9]*/N/'; readlink -e ~/me/cwd
(cd ~/me/cwd/sub && pwd -P && cat ../file)
