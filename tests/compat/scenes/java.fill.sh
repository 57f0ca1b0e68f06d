# Classes, a jar, a class path, a tree to walk.
mkdir -p src/p classes lib data/deep/er
cat >src/p/Main.java <<'END'
package p;
import java.io.*; import java.net.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.nio.file.attribute.*; import java.util.*; import java.util.concurrent.*; import java.util.concurrent.atomic.*; import java.util.stream.*; import java.nio.charset.StandardCharsets;
public class Main {
    static Path top, work;
    public static void main(String[] a) throws Exception {
        top = Paths.get(a[0]); work = Paths.get(a[1]);
        walk(); map(); process(); attributes(); threads(); channels(); errors(); jars(); watch();
    }
    static void walk() throws Exception {
        try (Stream<Path> s = Files.walk(top.resolve("data"))) { System.out.println("walk " + s.map(p -> top.relativize(p).toString()).sorted().collect(Collectors.joining(","))); }
        try (DirectoryStream<Path> d = Files.newDirectoryStream(top.resolve("data"), "*.txt")) { int n = 0; for (Path p : d) n += Files.readAllLines(p).size(); System.out.println("lines " + n); }
        Files.walkFileTree(top, EnumSet.of(FileVisitOption.FOLLOW_LINKS), 9, new SimpleFileVisitor<Path>() { public FileVisitResult visitFileFailed(Path p, IOException e) { System.out.println("failed " + p + " " + e.getClass().getSimpleName()); return FileVisitResult.CONTINUE; } });
        System.out.println(top.resolve("data/link").toRealPath() + " " + Files.readSymbolicLink(top.resolve("data/link")) + " " + new File(top + "/data/../data/link").getCanonicalPath());
    }
    static void map() throws Exception {
        try (FileChannel c = FileChannel.open(top.resolve("data/big"))) { MappedByteBuffer m = c.map(FileChannel.MapMode.READ_ONLY, 0, c.size()); long s = 0; while (m.hasRemaining()) s += m.get(); System.out.println("map " + s + " " + c.size()); }
        Path own = work.resolve("mapped"); try (RandomAccessFile f = new RandomAccessFile(own.toFile(), "rw")) { f.setLength(8192); MappedByteBuffer m = f.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, 8192); m.putLong(4096, 42); m.force(); try (FileLock l = f.getChannel().lock()) { f.seek(4096); System.out.println("shared " + f.readLong() + " " + l.isValid()); } }
    }
    static String run(ProcessBuilder b) throws Exception { Process p = b.redirectErrorStream(true).start(); String s = new String(p.getInputStream().readAllBytes()).trim(); return s + ":" + p.waitFor(); }
    static void process() throws Exception {
        System.out.println("sh " + run(new ProcessBuilder("sh", "-c", "pwd; cat data/1.txt; exit 5").directory(top.toFile())));
        System.out.println("env " + run(new ProcessBuilder("sh", top + "/run.sh", "x")));
        try { new ProcessBuilder("/not/there").start(); } catch (IOException e) { System.out.println(e.getMessage()); }
        ExecutorService e = Executors.newFixedThreadPool(8); List<Future<String>> f = new ArrayList<>(); for (int i = 0; i < 40; i++) { int k = i; f.add(e.submit(() -> run(new ProcessBuilder("echo", "" + k)))); } int n = 0; for (Future<String> x : f) n += Integer.parseInt(x.get().split(":")[0]); e.shutdown(); System.out.println("processes " + n);
    }
    static void attributes() throws Exception {
        Path p = top.resolve("data/1.txt"); for (String name : new String[] {"size", "unix:mode", "unix:nlink", "isRegularFile", "lastModifiedTime"}) System.out.println(name + " " + Files.getAttribute(p, name));
        System.out.println(PosixFilePermissions.toString(Files.getPosixFilePermissions(p)) + " " + Files.getFileStore(top).isReadOnly() + " " + Files.isWritable(p) + " " + Files.isSameFile(p, top.resolve("data/deep/../1.txt")) + " " + Files.probeContentType(p) + " " + Files.isExecutable(top.resolve("run.sh")) + " " + p.toFile().canWrite() + " " + p.toFile().lastModified());
        Path own = Files.createTempFile(work, "t", ".x"); Files.setPosixFilePermissions(own, PosixFilePermissions.fromString("r--r-----")); Files.setLastModifiedTime(own, FileTime.fromMillis(1000000000000L)); System.out.println(Files.getPosixFilePermissions(own).size() + " " + Files.getLastModifiedTime(own)); Files.delete(own);
        System.out.println(Files.getFileAttributeView(p, UserDefinedFileAttributeView.class) != null ? "attributes" : "none");
    }
    static void threads() throws Exception {
        AtomicLong sum = new AtomicLong(); Thread[] t = new Thread[16]; for (int i = 0; i < t.length; i++) { int k = i; t[i] = new Thread(() -> { try { for (int j = 0; j < 50; j++) { sum.addAndGet(Files.size(top.resolve("data/" + (j % 9 + 1) + ".txt"))); Path f = work.resolve("th" + k); Files.writeString(f, "x".repeat(j)); sum.addAndGet(Files.readString(f).length()); Files.move(f, work.resolve("moved" + k), StandardCopyOption.REPLACE_EXISTING); Files.delete(work.resolve("moved" + k)); } } catch (IOException e) { e.printStackTrace(); } }); t[i].start(); } for (Thread x : t) x.join(); System.out.println("threads " + sum);
    }
    static void channels() throws Exception {
        Path copy = work.resolve("copy"); try (FileChannel in = FileChannel.open(top.resolve("data/big")); FileChannel out = FileChannel.open(copy, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) { System.out.println("transfer " + in.transferTo(0, in.size(), out)); } System.out.println(Files.mismatch(copy, top.resolve("data/big")));
        Files.copy(top.resolve("data/1.txt"), work.resolve("c1"), StandardCopyOption.COPY_ATTRIBUTES); System.out.println(Files.getLastModifiedTime(work.resolve("c1")).equals(Files.getLastModifiedTime(top.resolve("data/1.txt"))));
        try (ServerSocket s = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) { Thread c = new Thread(() -> { try (Socket k = s.accept()) { Files.copy(top.resolve("data/1.txt"), k.getOutputStream()); } catch (IOException e) { e.printStackTrace(); } }); c.start(); try (Socket k = new Socket(s.getInetAddress(), s.getLocalPort())) { System.out.println("socket " + new String(k.getInputStream().readAllBytes()).trim()); } c.join(); }
        UnixDomainSocketAddress u = UnixDomainSocketAddress.of(work.resolve("s")); try (ServerSocketChannel s = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) { s.bind(u); try (SocketChannel c = SocketChannel.open(u); SocketChannel d = s.accept()) { d.write(ByteBuffer.wrap("unix".getBytes())); ByteBuffer b = ByteBuffer.allocate(4); c.read(b); System.out.println(new String(b.array())); } }
    }
    static void errors() {
        for (String how : new String[] {"write", "delete", "create", "move", "link", "dir"}) try { Path p = top.resolve("data/1.txt"); switch (how) { case "write": Files.writeString(p, ""); break; case "delete": Files.delete(p); break; case "create": Files.createFile(top.resolve("new")); break; case "move": Files.move(p, work.resolve("m")); break; case "link": Files.createLink(work.resolve("l"), p); break; default: Files.createDirectory(top.resolve("d")); } System.out.println(how + " worked"); } catch (IOException e) { System.out.println(how + " " + e.getClass().getSimpleName() + " " + e.getMessage()); }
    }
    static void jars() throws Exception {
        System.out.println(Main.class.getProtectionDomain().getCodeSource().getLocation() + " " + Main.class.getResourceAsStream("/p/res.txt").readAllBytes().length);
        try (FileSystem z = FileSystems.newFileSystem(top.resolve("lib/main.jar"))) { System.out.println(Files.exists(z.getPath("/p/Main.class"))); }
        try (URLClassLoader l = new URLClassLoader(new URL[] {top.resolve("lib/extra.jar").toUri().toURL()})) { System.out.println(l.loadClass("q.Extra").getMethod("name").invoke(null)); }
    }
    static void watch() throws Exception {
        Path dir = Files.createDirectory(work.resolve("watched")); try (WatchService w = dir.getFileSystem().newWatchService()) { dir.register(w, StandardWatchEventKinds.ENTRY_CREATE); Files.createFile(dir.resolve("new")); WatchKey k = w.take(); System.out.println("watch " + k.pollEvents().get(0).context()); top.register(w, StandardWatchEventKinds.ENTRY_CREATE); }
    }
}
END
mkdir -p src2/q x; echo 'package q; public class Extra { public static String name() { return "extra"; } }' >src2/q/Extra.java
mkdir -p classes/p; echo resource >classes/p/res.txt
if command -v javac >/dev/null; then
    javac -d classes src/p/Main.java; javac -d x src2/q/Extra.java
    jar cfe lib/main.jar p.Main -C classes .; jar cf lib/extra.jar -C x .
fi
rm -r x
for i in 1 2 3 4 5 6 7 8 9; do seq 1 $i >data/$i.txt; done; seq 1 100000 >data/big; ln -s deep/er/leaf data/link; echo leaf >data/deep/er/leaf; ln -s /nowhere data/broken
printf '#!/bin/sh\necho ran "$@"\n' >run.sh; chmod +x run.sh
