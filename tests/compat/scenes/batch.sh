# What scientists' batch jobs start: MPI, valgrind, software stacks with a loader of their own, many processes, stress-ng.

#: open mpi needs=mpirun,mpicc limit=300
export OMPI_MCA_orte_tmpdir_base=$W/tmp OMPI_MCA_plm_rsh_agent=/bin/false
m() { timeout 100 mpirun --oversubscribe "$@" >o 2>&1; echo "status $?"; grep -v -e PID -e '^-' o | sort; od -An -tx1 out.bin; }
for transport in vader tcp; do m -np 4 --mca btl self,$transport $R/bin/ring $R/data/f1.txt; done
cp $R/bin/ring .; m -np 4 ./ring $R/data/f2.txt; m -np 3 $R/bin/mycat $R/data/f1.txt; m -np 4 sh -c 'exec $0 $1' $R/bin/ring $R/data/f1.txt; m -np 2 $R/bin/ring $R/data/f1.txt spawn
timeout 100 mpirun -np 4 --oversubscribe $R/bin/ring $R/data/f1.txt die >o 2>&1; echo $?; grep -o 'exited on signal.*' o; timeout 100 mpirun -np 4 --oversubscribe $R/bin/ring $R/data/f1.txt bad >o 2>&1; echo $?; ls tmp

#: valgrind needs=valgrind,gcc limit=300
v() { valgrind "$@" 2>&1 | sed 's/==[0-9]*==/==/;s/0x[0-9A-Fa-f]*/ADDR/g' | grep -v -e Command: -e Copyright; }
v $R/bin/faulty $R/data/f1.txt; v --trace-children=yes --leak-check=full $R/bin/faulty $R/data/f1.txt child | grep -v '^==' ; cp $R/bin/faulty .; v ./faulty $R/data/f1.txt; v --tool=helgrind $R/bin/faulty $R/data/f1.txt | tail -1; v --tool=massif --massif-out-file=m $R/bin/faulty $R/data/f1.txt | tail -4; v --trace-children=yes /bin/sh -c "cat $R/data/f1.txt; exec $R/bin/mycat $R/data/f2.txt" | grep -v '^=='; v -q $R/nothing; v -q $R/data; v --track-fds=yes $R/bin/mycat $R/data/f1.txt; ls

#: own stack needs=patchelf limit=200
export PATH=$R/own/bin:$PATH PYTHONHOME=$R/own; s.sh a b; s.py x; nested q; cd $R/own/bin; ../bin/s.sh; (exec -a other ./bash -c 'echo $0 $BASH'); cd $W
for file in maps smaps numa_maps; do cat /proc/self/$file | grep -o '/cvmfs/.*/lib/ld-[^ ]*' | uniq; done; cp $R/own/bin/cat mine; ./mine /proc/self/maps | grep -o '[^ ]*/ld-[^ ]*\|[^ ]*/mine' | uniq; $R/own/lib/ld-linux-x86-64.so.2 $R/own/bin/cat /proc/self/maps | grep -o '[^ ]*/ld-[^ ]*' | uniq
python3.11 $R/parallel.py 2>&1 | grep -v 9d; python3.11 -m venv --without-pip e; e/bin/python -c 'import sys; print(sys.executable, sys.prefix)'; python3.11 -m venv --copies --without-pip e2; e2/bin/python -c 'import sys; print(sys.executable, sys.prefix)'
mkdir m; (cd m; make -f $R/own/mk -j4 | sort; ls | wc -l); cd $R; find data -name 'f1*' | xargs -P3 -n1 ls | sort; perl -e 'system($^X, "-e", "print \$^X, qq(\n)"); print `cat data/f1.txt`; my $p = fork; exec "bash", "-c", "exit 4" unless $p; waitpid $p, 0; print $? >> 8, "\n"'

#: processes of python needs=python3 limit=200
python3 $R/parallel.py 2>&1; for watcher in PidfdChildWatcher ThreadedChildWatcher; do python3 -W ignore $R/children.py $R $watcher 2>&1; done

#: stress-ng needs=stress-ng limit=400
for s in access aio aiol chattr chdir chmod chown clone close copy-file daemon dentry dir dirdeep dnotify dup dynlib env exec fallocate fault fcntl fifo filename flock fork fstat futex getdent handle inotify kill lease link locka lockf lockofd memfd mincore mknod mmap mq msg open pidfd pipe procfs pthread ptrace rename revio seek sem sem-sysv sendfile session shm shm-sysv sigchld sigfd signal sigsuspend sock sockfd spawn splice switch symlink sync-file tee timer touch utime vfork wait xattr zombie; do stress-ng --temp-path $W --$s 1 --$s-ops 10 -t 2 --verify >o 2>&1; echo "$s $?"; grep -i -e 'fail:' o | sed 's/\[[0-9]*\]//'; done
