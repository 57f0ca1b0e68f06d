# Repositories to clone from: bare and packed, plain with a work tree, with submodule-like alternates, and big files.
export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@x
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main work
cd work
for i in $(seq 1 40); do
    mkdir -p dir$((i % 7))/sub$((i % 3))
    seq 1 $((i * 13)) >dir$((i % 7))/sub$((i % 3))/file$i.txt
    printf 'line %d\n' $i >>log.txt
    git add -A
    GIT_AUTHOR_DATE="$((1700000000 + i * 60)) +0000" GIT_COMMITTER_DATE="$((1700000000 + i * 60)) +0000" \
        git commit -qm "commit $i"
    [ $((i % 10)) != 0 ] || git tag -a -m "version $i" v$i
done
git checkout -q -b side main~5
echo side >side.txt
git add -A
git commit -qm 'on the side'
git checkout -q main
printf '#!/bin/sh\necho run\n' >run; chmod +x run
ln -s log.txt link
git add -A
git commit -qm 'a program and a link'
cd ..
git clone -q --bare work packed.git
git -C packed.git gc -q
git -C packed.git update-server-info
git clone -q --bare work loose.git
cp -r work checkout
