/* PR_SET_DUMPABLE: which values it takes.  That 0 has no effect under parrot_run is in docs/limits.md. */
#include "case.h"
#include <sys/prctl.h>

CASE(values)
{
    static const unsigned long values[] = {0, 1, 2, 3, ~0UL};
    for (size_t i = 0; i < COUNT(values); i++)
        told(prctl(PR_SET_DUMPABLE, values[i], 0, 0, 0), "%lx", values[i]);
    MUST(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
    say("dumpable %d", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    told(access(in("hello.txt"), R_OK), "and the tree is there");
}
