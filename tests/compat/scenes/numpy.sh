# numpy: extension modules of the tree, arrays mapped from its files.

#: numpy needs=python3 limit=240
[ -d $R/numbers ] || { echo 'no numpy'; exit 0; }
OPENBLAS_NUM_THREADS=2 $R/numbers/bin/python3 -c 'import numpy as np, sys; a = np.load(sys.argv[1] + "/numbers.npy", mmap_mode="r"); print(a.sum(), a[99999], np.linalg.norm(np.arange(9.)), (np.ones((200, 200)) @ np.ones((200, 200))).sum(), np.__file__); b = np.load(sys.argv[1] + "/numbers.npy"); np.save("own.npy", b * 2); m = np.memmap("mm", dtype="f8", mode="w+", shape=(1000,)); m[:] = 3; m.flush(); print(np.fromfile("mm").sum(), np.load("own.npy", mmap_mode="r+")[7])' $R
$R/numbers/bin/python3 -c 'import numpy as np, sys
try: np.load(sys.argv[1] + "/numbers.npy", mmap_mode="r+")
except OSError as e: print(e)' $R
