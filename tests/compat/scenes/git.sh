# git, on repositories of its own and on those of the tree.

#: session fast needs=git
export GIT_CONFIG_GLOBAL=$W/config GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global user.name A; git config --global user.email a@x; git config --global init.defaultBranch main
git config --global advice.detachedHead false; git config --global safe.directory '*'
git init -q own && cd own
for i in 1 2 3 4 5 6; do echo "line $i" >>file; echo $i >other$i; git add -A; git commit -qm "c$i"; done
git checkout -q -b topic HEAD~3 && echo topic >topic && git add topic && git commit -qm topic
git rebase main 2>&1; git log --oneline
git checkout -q main && git merge --no-ff -m merged topic 2>&1
git stash list; echo change >>file; git stash 2>&1; git stash pop 2>&1
git status --short; git diff --stat; git checkout file 2>&1
git worktree add -q ../tree topic 2>&1; ls ../tree; git worktree list | sed "s#$W##"; git worktree remove ../tree
git tag -a -m x v1; git describe; git show --stat HEAD~1
git gc -q 2>&1; git fsck --full 2>&1; git count-objects -v | grep -v size
git log --graph --format='%h %s %an %ad'
find .git -type f | grep -v -e hooks -e '/pack-' | sort; git cat-file --batch-check --batch-all-objects | sort

#: clone fast needs=git
export GIT_CONFIG_GLOBAL=$W/config; git config --global safe.directory '*'
git clone -q $R/packed.git a 2>&1; git -C a log --oneline | wc -l; git -C a status --short
git clone -q file://$R/packed.git b 2>&1; git -C b fsck 2>&1; git -C b count-objects -v
git clone -q --shared $R/packed.git c 2>&1; cat c/.git/objects/info/alternates; git -C c log -1 --format=%H; git -C c count-objects -v
git clone -q --reference $R/packed.git $R/loose.git d 2>&1; git -C d fsck 2>&1; cat d/.git/objects/info/alternates
git clone -q --depth 3 file://$R/packed.git e 2>&1; git -C e log --oneline
git clone -q --branch v20 $R/work f 2>&1; git -C f status 2>&1; ls -l f | awk '{print $1, $5, $NF}'
diff -r a b --exclude=.git && diff -r a d --exclude=.git && echo same
for c in a b c d e f; do (cd $c; find .git -type f | grep -v -e hooks -e pack- -e index -e logs | xargs stat -c '%n %h %s %a' | sort | sha256sum); done

#: safe directory needs=git
export GIT_CONFIG_GLOBAL=$W/config
git -C $R/work log --oneline -3 2>&1
git -C $R/packed.git rev-parse main 2>&1
git -c safe.directory=$R/work -C $R/work status 2>&1
sudo -n true 2>/dev/null; git -C $R/checkout status --short 2>&1

#: reading in place fast needs=git
export GIT_CONFIG_GLOBAL=$W/config; git config --global safe.directory '*'
cd $R/work; git status 2>&1; git log --stat -5; git blame log.txt | tail -3; git grep -n 'line 3'
git diff HEAD~3 --stat; git show v20:log.txt | tail -1; git rev-list --all --count; git branch -a; git ls-files | wc -l
git stash 2>&1; git commit --allow-empty -m x 2>&1; git checkout side 2>&1; git gc 2>&1; git tag new 2>&1; git add -A 2>&1
git archive --format=tar HEAD | tar tf - | wc -l; git bundle create $W/bundle main 2>&1 | tail -1; git bundle verify $W/bundle 2>&1
git ls-remote $R/packed.git; git ls-remote file://$R/loose.git | wc -l
git --git-dir=$R/work/.git --work-tree=$W/empty status --short 2>&1 | wc -l

#: fetch and push needs=git
export GIT_CONFIG_GLOBAL=$W/config GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global user.name A; git config --global user.email a@x; git config --global safe.directory '*'; git config --global init.defaultBranch main
git init -q own; cd own; git remote add cvmfs $R/packed.git; git fetch cvmfs 2>&1; git checkout -q -b main cvmfs/main 2>&1
git fetch --tags cvmfs 2>&1; git pull --rebase cvmfs main 2>&1; git pull $R/loose.git side --no-rebase --no-edit 2>&1
git push $R/packed.git main:new 2>&1; git push cvmfs main 2>&1; git init -q --bare ../target.git; git push -q --all ../target.git 2>&1
git -C ../target.git log --oneline | head -3; git submodule add -q $R/work sub 2>&1; git -c protocol.file.allow=always submodule add -q $R/packed.git sub 2>&1; git status --short
git commit -qm sub; git submodule status 2>&1; git worktree add ../wt HEAD~2 2>&1; git -C ../wt status; git repack -adq; git prune; git fsck 2>&1

#: bisect and rebase needs=git
export GIT_CONFIG_GLOBAL=$W/config GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git config --global user.name A; git config --global user.email a@x; git config --global safe.directory '*'; git config --global advice.detachedHead false
git clone -q $R/packed.git c; cd c; git bisect start HEAD v10 2>&1; git bisect run sh -c '! grep -q "line 27$" log.txt' 2>&1; git bisect log; git bisect reset 2>&1
git checkout -q -b t HEAD~10; for i in 1 2 3; do echo $i >>new; git add new; git commit -qm n$i; done
git rebase main 2>&1 | tr '\r' '\n'; GIT_SEQUENCE_EDITOR='sed -i "2s/pick/squash/"' GIT_EDITOR=true git rebase -i HEAD~3 2>&1 | tr '\r' '\n'; git log --oneline -4
echo conflict >log.txt; git commit -qam conflict; git checkout -q main; echo other >log.txt; git commit -qam other; git merge t 2>&1; git status --short; git merge --abort
git cherry-pick t 2>&1; git cherry-pick --abort; git rebase t 2>&1 | tr '\r' '\n'; git rebase --skip 2>&1 | tr '\r' '\n'; git reflog | head -5; git format-patch -q -3; git reset -q --hard HEAD~3; git am *.patch 2>&1; git log --oneline -5
git gc -q --prune=now; git fsck --strict 2>&1; git maintenance run 2>&1; git commit-graph write 2>&1; git multi-pack-index write 2>&1; git multi-pack-index verify 2>&1; git fsck

#: daemon and filter needs=git
export GIT_CONFIG_GLOBAL=$W/config; git config --global safe.directory '*'; git config --global user.name A; git config --global user.email a@x
GIT_TRACE=0 git clone -q --filter=blob:none file://$R/packed.git part 2>&1; cd part; git sparse-checkout set dir1 2>&1; ls; git count-objects -v | head -1
git status 2>&1; git hash-object -w log.txt 2>&1; git config core.fsmonitor false; git update-index --refresh; git read-tree HEAD; git checkout -f; git status --short
