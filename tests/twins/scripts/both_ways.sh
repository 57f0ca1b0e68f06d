# Names that lead into the tree from outside and out of it from inside.  Each "#: NAME" begins a script of its own; $R is the top of the tree, ~ is empty.

#: my link to a file
ln -s $R/hello.txt ~/x && cat ~/x && cat <~/x && ls -L ~/x && stat -L -c '%s %a' ~/x

#: my link to a directory
ln -s $R ~/sw && ls ~/sw/dir && cd ~/sw/dir && pwd && pwd -P && cat file && cd .. && pwd && cat ~/sw/links/file

#: link to a link to a link
ln -s $R/links ~/a && ln -s a/dir ~/b && ln -s $PWD/b/sub ~/c && cat ~/c/leaf && realpath ~/c

#: relative names out
cd $R/dir/sub && cat ../../../../usr/include/stdio.h | head -3 && ls -d ../../../../tmp && cat ../../../../../../dev/null

#: relative names in
cd /usr/include && cat ../..$R/hello.txt && cd ../..$R/dir && cat file && ls ../../../usr/include/stdio.h

#: write outside from inside
cd $R/dir && cat file >~/copy && cat ~/copy && mkdir -p ~/d/e && cp sub/* ~/d/e && (cd ~/d/e && ls) && rm -r ~/d

#: cp -a
cp -a $R/dir $R/links $R/hard $R/modes/0644 $R/modes/4755 $R/names ~/ && cd ~ && find . -mindepth 1 -printf '%y %m %T@ %l %P\n' | sort && test hard/a -ef hard/b

#: cp -r of all
cp -r $R/nested $R/names $R/noexec-dir ~/ 2>&1 | sort
cd ~ && find . | sort | md5sum
chmod -R u+rwx ~/

#: cp -L
cp -L $R/links/file $R/links/abs $R/links/chain-39 ~/ && cat ~/*

#: tar
tar c -C $R dir links hard names sizes many | tar t | sort | md5sum
tar c -C $R dir hard | tar x -C ~ && find ~ -mindepth 1 -printf '%y %m %T@ %P\n' | sort

#: tar of all
tar c -C /cvmfs --exclude=unreadable --exclude=0000 --exclude=exec-only --exclude='no*-dir' twin.parrot.test 2>/dev/null | tar tv --full-time | awk '{print $1,$3,$4,$5,$6}' | grep -v ^d | sort | md5sum

#: rsync
rsync -a $R/dir $R/links $R/hard $R/sizes ~/ && rsync -a --itemize-changes $R/dir ~/ && find ~ -mindepth 1 -printf '%y %m %T@ %l %P\n' | sort

#: rsync over a pipe
printf '#!/bin/sh\nshift; exec "$@"\n' >~/through && chmod +x ~/through
rsync -a -e ~/through there:$R/dir ~/one && find ~/one -mindepth 1 -printf '%y %m %T@ %P\n' | sort
rsync -rlt --checksum --delete -e ~/through $R/dir/ there:$HOME/two && find ~/two -mindepth 1 -printf '%y %T@ %P\n' | sort
rsync -a --link-dest=$HOME/one -e ~/through there:$R/dir ~/three && stat -c '%h %n' three/dir/*
rsync -a ~/one/ $R/dir/ 2>&1 | grep -c 'Read-only file system'

#: script in my directory
printf '#!%s/script.sh\n' $R >~/s
chmod +x ~/s
~/s
echo $?
ln -s $R/script.sh ~/t
~/t 3
echo $?
PATH=$R:$PATH
script.sh 4
echo $?

#: source a file
cp $R/src/main.c ~/
printf 'echo sourced from %s\n' '$PWD' >~/f
cd $R/dir
. ~/f
. $R/names/~ 2>/dev/null
echo $?

#: xargs and env
echo a b | xargs -n1 $R/script.sh 0
env -i $R/bin/report-static 0
nice $R/bin/report-static 0
bash -c "exec -a renamed $R/bin/report-static 0"

#: timeout and kill
timeout 5 cat $R/hello.txt
timeout -s TERM 0.2 sh -c "cd $R; while :; do cat hello.txt; done" >/dev/null; echo $?
