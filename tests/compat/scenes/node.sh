# Node: child processes, threads, the file system from its pool, sockets, modules from the tree.

#: execSync fast needs=node
node -e 'const c = require("child_process"), fs = require("fs");
console.log(c.execSync("echo from the shell; pwd | wc -l").toString(), c.execFileSync("cat", [process.argv[1] + "/app/package.json"]).length, c.spawnSync("sh", ["-c", "cat; exit 3"], {input: "in"}).status);
try { c.execSync("exit 7", {stdio: "pipe"}) } catch (e) { console.log("status", e.status) }
try { c.execFileSync("/not/there") } catch (e) { console.log(e.code) }
try { fs.writeFileSync(process.argv[1] + "/x", "") } catch (e) { console.log(e.code, e.syscall) }
console.log(c.execSync("ls", {cwd: process.argv[1] + "/app"}).toString(), c.spawnSync("kill -9 $$", {shell: true}).signal)' $R

#: modules fast needs=node
cd $R/app && node main.js && node main.mjs && node_modules/.bin/right 1 2 && cd ~ && node $R/app/main.js && NODE_PATH=$R/app/node_modules node -p 'require("left").where' && PATH=$R/app/node_modules/.bin:$PATH right x; node -e 'require("/cvmfs/nope/x")' 2>&1 | grep -m1 Error
cp -r $R/app . && cd app && node main.js; ln -s $R/app/node_modules other; node --preserve-symlinks -p 'require("./other/left").where'; node -p 'require("./other/left").where'; node -p "fs.realpathSync('other/.bin/right') + fs.realpathSync.native('other/.bin/right')"

#: fs promises needs=node
cat >t.mjs <<'END'
import fs from 'node:fs/promises'; import { createReadStream, createWriteStream, existsSync, cpSync, opendirSync } from 'node:fs'; import { pipeline } from 'node:stream/promises'; import { createGzip, createGunzip } from 'node:zlib'; import crypto from 'node:crypto';
const R = process.argv[2];
await Promise.all(Array.from({ length: 200 }, async (_, i) => { const f = `f${i}`; await fs.writeFile(f, f.repeat(100)); await fs.appendFile(f, 'x'); const s = await fs.stat(f); if (s.size !== f.length * 100 + 1) throw new Error(f); await fs.rename(f, f + '.n'); }));
console.log((await fs.readdir('.')).filter(n => n.endsWith('.n')).length);
const all = await Promise.all((await fs.readdir(R + '/app/data')).map(n => fs.readFile(`${R}/app/data/${n}`, 'utf8'))); console.log(all.join('').length);
await pipeline(createReadStream(R + '/app/big.txt'), createGzip(), createWriteStream('big.gz')); await pipeline(createReadStream('big.gz'), createGunzip(), createWriteStream('big.txt'));
console.log(crypto.createHash('sha256').update(await fs.readFile('big.txt')).digest('hex'), (await fs.stat(R + '/app/big.txt')).size);
await fs.cp(R + '/app', 'copy', { recursive: true }); cpSync(R + '/app', 'copy2', { recursive: true, dereference: true }); console.log((await fs.readdir('copy', { recursive: true })).length, (await fs.readlink('copy/node_modules/.bin/right')).replace(process.cwd(), ''));
await fs.rm('copy', { recursive: true }); console.log(existsSync('copy')); for (const what of ['mkdir', 'unlink', 'rmdir', 'truncate', 'chmod', 'utimes']) await fs[what](R + '/app/data', 0, 0).catch(e => console.log(what, e.code));
const h = await fs.open(R + '/app/big.txt'); console.log((await h.read(Buffer.alloc(10), 0, 10, 1000)).buffer.toString(), (await h.stat()).size); for await (const line of h.readLines()) { console.log(line); break; } await h.close();
const d = opendirSync(R + '/app/lib'); let n = 0; for await (const e of d) n += e.isFile(); console.log(n, await fs.mkdtemp('tmp-').then(t => t.length), await fs.realpath(R + '/app/node_modules/.bin/right'), await fs.access(R + '/app/main.js', 2).catch(e => e.code));
END
node t.mjs $R

#: threads needs=node
node $R/app/worker.js; ls; node -e 'const {Worker} = require("worker_threads"); const b = new Int32Array(new SharedArrayBuffer(8)); let left = 8; for (let i = 0; i < 8; i++) new Worker(`const {workerData: b} = require("worker_threads"); for (let i = 0; i < 5000; i++) Atomics.add(b, 0, 1); require("child_process").execSync("true")`, {eval: true, workerData: b}).on("exit", () => { if (!--left) console.log(b[0]) })'

#: watch and http needs=node
cat >t.js <<'END'
const fs = require('fs'), http = require('http'), net = require('net'), cp = require('child_process'), R = process.argv[2];
fs.mkdirSync('watched');
const seen = new Promise(done => { const w = fs.watch('watched', (event, name) => { if (name === 'a') { w.close(); done([name]); } }); fs.writeFileSync('watched/a', '1'); });
const poll = new Promise(done => { let n = 0; const writing = setInterval(() => fs.writeFileSync(`watched/b${n++}`, '1'), 30); // its first look may come after the first change
    fs.watchFile('watched', { interval: 20 }, (now, then) => { fs.unwatchFile('watched'); clearInterval(writing); done(now.mtimeMs >= then.mtimeMs); }); });
const server = http.createServer((q, s) => { if (q.url === '/file') fs.createReadStream(R + '/app/big.txt').pipe(s); else q.pipe(s); });
(async () => {
    console.log(await seen, await poll); fs.watch(R + '/app').close();
    await new Promise(r => server.listen(0, '127.0.0.1', r)); const base = `http://127.0.0.1:${server.address().port}`;
    console.log((await (await fetch(base + '/file')).text()).length, await (await fetch(base, { method: 'POST', body: 'echo' })).text());
    console.log((await Promise.all(Array.from({ length: 30 }, () => fetch(base + '/file').then(r => r.arrayBuffer())))).reduce((n, b) => n + b.byteLength, 0)); server.close(); server.closeAllConnections();
    const unix = net.createServer(c => c.end('from the socket')); await new Promise(r => unix.listen(process.cwd() + '/s', r)); net.connect(process.cwd() + '/s').on('data', d => console.log(String(d))).on('close', () => unix.close());
    const child = cp.fork(__filename.replace('t.js', 'c.js')); child.on('message', m => { console.log(m); child.disconnect(); });
    const p = cp.spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] }); p.stdout.on('data', d => console.log('cat', String(d))); p.on('close', (code, signal) => console.log(code, signal)); p.stdin.end('text');
    const long = cp.spawn('sleep', ['100']); long.on('exit', (code, signal) => console.log('sleep', code, signal)); await new Promise(r => long.on('spawn', r)); long.kill('SIGTERM');
    const dead = cp.exec('exec sleep 100', { timeout: 100 }, e => console.log('exec', e.killed, e.signal));
})();
END
echo 'process.send({ hello: process.argv.length });' >c.js; node t.js $R | sort

#: npm needs=node,npm limit=180
cp -r $R/app app; cd app; npm --offline run -s start; npm --offline run -s hello; npm --offline ls --all 2>&1 | sed "s#$W##"; npm --offline pack ./node_modules/left 2>&1 | tail -1; npm --offline init -y >/dev/null && cd .. && mkdir new && cd new && npm --offline init -y >/dev/null && npm --offline install --no-audit --no-fund ../app/left-1.0.0.tgz 2>&1 | sed 's/ in .*//'; node -p 'require("left/package.json").version'; npm --offline install --no-audit --no-fund $R/app/node_modules/@scope/right 2>&1 | grep -v complete.log; ls -l node_modules node_modules/.bin | awk '{print $9, $10, $11}'; cd $R/app && npm --offline run -s start

#: cluster and signals needs=node
cat >t.js <<'END'
const cluster = require('cluster'), http = require('http'), fs = require('fs'), R = process.argv[2];
if (cluster.isPrimary) {
    let up = 0, down = 0; process.on('SIGUSR2', () => console.log('SIGUSR2')); process.kill(process.pid, 'SIGUSR2');
    for (let i = 0; i < 3; i++) cluster.fork();
    cluster.on('listening', async (w, a) => { if (++up < 3) return; const all = []; for (let i = 0; i < 12; i++) all.push(fetch(`http://127.0.0.1:${a.port}/`).then(r => r.text())); console.log(new Set(await Promise.all(all)).size); Object.values(cluster.workers).forEach(w => w.kill('SIGKILL')); });
    cluster.on('exit', (w, code, signal) => { console.log(code, signal); if (++down == 3) process.exit(9); });
} else http.createServer((q, s) => s.end(String(fs.readdirSync(R + '/app/data').length))).listen(0, '127.0.0.1');
END
node t.js $R; echo $?; node --input-type=module -e 'import {watch} from "node:fs/promises"; try { for await (const e of watch("/cvmfs/not/there")) ; } catch (e) { console.log(e.code) }'; echo 'console.log(require("fs").readFileSync(0, "utf8").length)' | node - <$R/app/main.js; cat $R/app/big.txt | node -e 'process.stdin.pipe(process.stdout)' | sha256sum; node --test --test-reporter=tap - <<<'require("node:test")("x", () => {})' 2>&1 | grep -c '^# pass 1'; NODE_OPTIONS=--max-old-space-size=64 node -p 'process.execArgv.length + process.env.NODE_OPTIONS'; node --check $R/app/main.js; node --cpu-prof --cpu-prof-dir=prof $R/app/lib/m1.js; ls prof | wc -l; echo 'globalThis.x = 1' >snap.js; node --snapshot-blob snap --build-snapshot snap.js 2>&1 | grep -vi warn; ls snap; node -e 'setTimeout(() => process.exit(3), 50); process.on("exit", c => console.log("exit", c))'; echo $?; (node -e 'process.abort()'; echo $?) 2>/dev/null; (ulimit -c 0; node -e 'process.kill(process.pid, "SIGSEGV"); setTimeout(() => 0, 1000)'; echo $?) 2>/dev/null
