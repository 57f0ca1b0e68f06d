# A virtual environment for its place in the tree, a package to build, a wheel.
python3 -m venv --without-pip env
site=$(echo env/lib/python3.*/site-packages)
sed -i "s#$PWD#$R#g" env/bin/activate* env/pyvenv.cfg
mkdir -p $site/inside package/src/sample
echo 'import os; where = os.path.dirname(__file__)' >$site/inside/__init__.py
printf '#!%s/env/bin/python3\nimport inside, sys\nprint(inside.where, sys.prefix, sys.executable, sys.argv)\n' $R >env/bin/tool
chmod +x env/bin/tool
printf '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "sample"\nversion = "1.2"\n[project.scripts]\nsample = "sample:main"\n' >package/pyproject.toml
echo 'def main(): print("sample", __file__.rsplit("/", 1)[1])' >package/src/sample/__init__.py
python3 - <<'END'
import base64, hashlib, zipfile
def record(name, data):
    return f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
files = {"wheeled/__init__.py": b"def main():\n    print('wheeled', __name__)\n", "wheeled/data/x.txt": b"x\n",
         "wheeled-3.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: wheeled\nVersion: 3.0\n",
         "wheeled-3.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
         "wheeled-3.0.dist-info/entry_points.txt": b"[console_scripts]\nwheeled = wheeled:main\n"}
with zipfile.ZipFile("wheeled-3.0-py3-none-any.whl", "w") as z:
    for name, data in files.items():
        z.writestr(name, data)
    z.writestr("wheeled-3.0.dist-info/RECORD", "\n".join([*(record(*f) for f in files.items()), "wheeled-3.0.dist-info/RECORD,,"]))
END
