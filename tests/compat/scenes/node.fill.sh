# Modules as npm lays them out, with links in .bin, ES modules, JSON, a big file.
mkdir -p app/lib app/node_modules/left/lib app/node_modules/@scope/right app/node_modules/.bin app/data
echo '{"name": "left", "version": "1.0.0", "main": "lib/index.js"}' >app/node_modules/left/package.json
echo 'exports.pad = (s, n) => String(s).padStart(n); exports.where = __filename; exports.dep = require("@scope/right").name;' >app/node_modules/left/lib/index.js
echo '{"name": "@scope/right", "version": "2.1.0", "exports": {"import": "./esm.mjs", "require": "./main.cjs"}, "bin": {"right": "cli.js"}}' >app/node_modules/@scope/right/package.json
echo 'exports.name = "right";' >app/node_modules/@scope/right/main.cjs
echo 'export const name = "right as ESM"; export const url = import.meta.url;' >app/node_modules/@scope/right/esm.mjs
printf '#!/usr/bin/env node\nconsole.log("cli", process.argv.slice(2).join(","), __dirname, require.main === module, process.argv[1]);\n' >app/node_modules/@scope/right/cli.js
chmod +x app/node_modules/@scope/right/cli.js; ln -s ../@scope/right/cli.js app/node_modules/.bin/right
echo '{"name": "app", "version": "0.0.1", "scripts": {"start": "node main.js", "hello": "right a b"}, "dependencies": {"left": "*"}}' >app/package.json
for i in $(seq 1 60); do echo "exports.n = $i; exports.next = $([ $i = 60 ] && echo null || echo "require('./m$((i + 1))').n");" >app/lib/m$i.js; echo "data $i" >app/data/$i.txt; done
echo 'const l = require("left"); console.log(l.pad(7, 5), l.where, l.dep, require("./lib/m1").next, require.resolve("@scope/right"));' >app/main.js
echo 'import {name, url} from "@scope/right"; import fs from "node:fs/promises"; console.log(name, url, (await fs.readdir(new URL("./data/", import.meta.url))).length);' >app/main.mjs
cat >app/worker.js <<'END'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads'), fs = require('fs'), path = require('path');
if (isMainThread) {
    let sum = 0, left = 4;
    for (let i = 0; i < 4; i++) new Worker(__filename, { workerData: i }).on('message', m => { sum += m; if (!--left) console.log('workers', sum); });
} else {
    let n = 0;
    for (let k = 0; k < 20; k++) for (const f of fs.readdirSync(path.join(__dirname, 'data'))) n += fs.readFileSync(path.join(__dirname, 'data', f)).length;
    for (let k = 0; k < 50; k++) { const f = `w${workerData}-${k}`; fs.writeFileSync(f, f); n += fs.statSync(f).size; fs.renameSync(f, f + 'x'); fs.unlinkSync(f + 'x'); }
    parentPort.postMessage(n);
}
END
seq 1 200000 >app/big.txt
