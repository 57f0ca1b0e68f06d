# numpy, if a registry can be reached, and a file of numbers in its format.
python3 -c 'import struct, array
data = array.array("d", range(100000)); head = b"{\x27descr\x27: \x27<f8\x27, \x27fortran_order\x27: False, \x27shape\x27: (100000,), }"
head += b" " * (-(len(head) + 11) % 64) + b"\n"
open("numbers.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data.tobytes())'
python3 -m venv numbers >/dev/null 2>&1 && timeout 120 numbers/bin/pip install -q --no-cache-dir --only-binary :all: numpy >/dev/null 2>&1 || rm -rf numbers
[ ! -d numbers ] || { sed -i "s#$PWD#$R#g" numbers/pyvenv.cfg; rm -rf numbers/lib/python3*/site-packages/pip* numbers/lib/python3*/site-packages/numpy/*/tests; }
