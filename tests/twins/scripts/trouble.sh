# Things that fail, and must fail as on a read-only mount: each script says something on stderr.  Each "#: NAME" begins a script of its own; $R is the top of the tree, ~ is empty.

#: cat a directory
cat $R/dir
cat $R/dir/
cat <$R/dir

#: cat nothing
cat $R/missing $R/hello.txt/x $R/links/dangling $R/links/loop
echo rest

#: cat forbidden
cat $R/unreadable $R/noexec-dir/file
ls $R/noread-dir
cat $R/noread-dir/file
ls $R/noexec-dir
cd $R/noexec-dir

#: rm
cd $R
rm hello.txt
rm -f hello.txt
rm -rf dir 2>&1 | sort
rm -f missing
rm -f dir/missing/x
rmdir emptydir
rm -r links/dir
ls dir

#: touch
cd $R
touch hello.txt
touch new
touch -c missing
touch dir
touch -h links/file
touch links/dangling
touch missing/x

#: mkdir
cd $R
mkdir new
mkdir dir
mkdir -p dir/sub
mkdir -p dir/new/newer
mkdir missing/new
mkdir hello.txt/new

#: mv
cd $R
mv hello.txt other
mv hello.txt ~/stolen
ls ~
echo mine >~/mine
mv ~/mine .
cat ~/mine
mv dir ~/d 2>&1 | sort
ls ~/d
mv -T dir links

#: ln
cd $R
ln hello.txt new
ln -s hello.txt new
ln hello.txt ~/new
ls ~
ln -s x hello.txt
ln ~/none new

#: redirect into it
cd $R
echo x >new
echo x >hello.txt
echo x >>hello.txt
echo x >dir
: >missing/x
echo x >links/null
echo x 2>new
echo $?

#: chmod, chown
cd $R
chmod 600 hello.txt
chmod -R a+x dir 2>&1 | sort
chown $(id -u) hello.txt
chgrp $(id -g) hello.txt
setfacl -m u:1:r hello.txt 2>/dev/null
truncate -s 0 hello.txt

#: cp into it
cd $R
cp hello.txt new
cp -r dir new
cp /etc/passwd .
cp /etc/passwd hello.txt
cp -f /etc/passwd hello.txt
install -d new/x

#: tee, sed -i, mktemp
cd $R
echo x | tee new hello.txt
sed -i s/h/H/ hello.txt 2>&1 | sed 's/sed[^ ]*:/sed:/g'
mktemp -p . abcXXX 2>&1 | sed 's/abc.*:/abc:/'
mkfifo pipe
mknod node p
sync hello.txt

#: cd
cd $R/hello.txt
cd $R/missing
cd $R/links/loop
cd $R/links/dangling
pwd

#: unconfigured
ls $R/links/unconfigured
cat /cvmfs/unknown.parrot.test/x
ls /cvmfs/unknown.parrot.test
cd /cvmfs/none
stat -c %F /cvmfs

#: cvmfs itself
mkdir /cvmfs/new
rm -f /cvmfs/x
touch /cvmfs/x
ln -s a /cvmfs/b
mv $R /cvmfs/other
rmdir $R
