# Java: the virtual machine, its compiler, classes and jars from the tree.

#: version fast needs=java
java -version 2>&1; java -Xshare:off -version 2>&1 | head -1; java -XshowSettings:properties -version 2>&1 | grep -E 'java.home|user.dir' | sed "s#$W##"; cd $R/src && java -cp $R/none p.Main 2>&1; java -jar $R/nope.jar 2>&1

#: compile needs=java,javac limit=180
javac -d c $R/src/p/Main.java && find c -type f | sort && java -cp c:$R/classes p.Main $R $W; javac -cp $R/lib/extra.jar -d d - 2>&1 | head -1; echo 'class T { public static void main(String[] a) { System.out.println(q.Extra.name() + a.length); } }' >T.java; java -cp $R/lib/extra.jar T.java a b; jar tf $R/lib/main.jar | wc -l; jar cf own.jar -C $R/classes . && unzip -l own.jar 2>/dev/null | tail -1 | awk '{print $2}'; javap -cp $R/lib/main.jar p.Main | head -3; (cd $R && javac -d x src2/q/Extra.java 2>&1 | head -1)

#: jar in the tree needs=java,javac limit=180
java -jar $R/lib/main.jar $R $W; mkdir x; java -Xint -cp "$R/lib/*" p.Main $R $W/x

#: collectors needs=java,javac,jshell limit=180
for gc in Serial Parallel G1 Z Shenandoah; do mkdir $gc; java -Xmx200m -XX:+Use${gc}GC -cp $R/classes p.Main $R $W/$gc 2>&1 | grep -E 'threads|processes|Exception'; done; jshell -s - <<<'System.out.println(2 + 3)' 2>/dev/null; jcmd -l 2>/dev/null | wc -l

#: attach needs=java,javac,jcmd limit=180
cat >S.java <<'END'
public class S { public static void main(String[] a) throws Exception { System.out.println("up"); while (!new java.io.File("stop").exists()) Thread.sleep(20); System.out.println("down"); } }
END
: >out; java S.java >>out & pid=$!; until grep -q up out; do sleep 0.05; done; jcmd $pid VM.version | tail -2; jstack $pid | grep -c '"main"'; jmap -histo $pid | grep -c 'java.lang.String'; touch stop; wait $pid; cat out

#: archives and recordings needs=java,javac,jcmd limit=240
java -XX:ArchiveClassesAtExit=app.jsa -cp $R/lib/extra.jar:$R/lib/main.jar q.Extra 2>&1 | grep -c 'Main method not found'; java -XX:ArchiveClassesAtExit=app.jsa -cp $R/lib/main.jar p.Main $R $W 2>&1 | grep -c -i error; mkdir y; java -XX:SharedArchiveFile=app.jsa -Xshare:on -cp $R/lib/main.jar p.Main $R $W/y 2>&1 | tail -1; touch -r $R/run.sh x; cp $R/lib/main.jar own.jar; java -XX:SharedArchiveFile=app.jsa -Xshare:auto -cp own.jar p.Main 2>&1 | head -1
mkdir z; java -XX:StartFlightRecording=filename=r.jfr,dumponexit=true -Xlog:disable -cp $R/classes p.Main $R $W/z 2>/dev/null | grep -c .; jfr summary r.jfr | grep -c jdk; jdeps -s $R/lib/main.jar; jlink --version; jar uf own.jar -C $R/src p/Main.java && jar tf own.jar | tail -1; jar xf $R/lib/main.jar && cmp p/Main.class $R/classes/p/Main.class && echo same; javac -h h -d h $R/src2/q/Extra.java && ls h; javac -d mod -sourcepath $R/src $R/src/p/Main.java && ls mod; javadoc -quiet -Xdoclint:none -d doc $R/src2/q/Extra.java 2>&1 | head -2; ls doc | wc -l; echo 'class O { public static void main(String[] a) { long[][] x = new long[1000][]; for (int i = 0; i < 1000; i++) x[i] = new long[1 << 20]; } }' >O.java; java -Xmx20m -XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=dump O.java 2>&1 | grep -c OutOfMemoryError; ls dump
