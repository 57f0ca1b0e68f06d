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
java S.java >out & pid=$!; until grep -q up out; do sleep 0.05; done; jcmd $pid VM.version | tail -2; jstack $pid | grep -c '"main"'; jmap -histo $pid | grep -c 'java.lang.String'; touch stop; wait $pid; cat out
