/* The words of a line, and the memory that they stand for.
 *
 *     d:N        the number N                     f:N       the descriptor in slot N (-1 while it is empty)
 *     s:TEXT     a string                         S:TEXT    a string whose NUL is the last byte before a hole
 *     U:TEXT     a string without a NUL that runs into a hole
 *     h:HEX      bytes                            H:HEX     bytes that end at a hole
 *     b:N        a buffer of N bytes              B:N       a buffer that ends at a hole after N bytes
 *     w:N        N bytes to write                 v:N,N,…   an iovec of buffers
 *     k:N        the position behind entry N of the last listing
 *     a:A,B,…    a vector of strings (exec)
 *
 * In TEXT everything but letters, digits and some marks is %XX.
 */
#include "differ.h"
#include <sys/uio.h>

static int hex(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* Undo %XX in place; the length. */
static size_t unescape(const char *text, char *out)
{
    size_t n = 0;
    for (; *text; text++, n++) {
        if (*text == '%' && text[1] && text[2]) {
            out[n] = (char)(hex(text[1]) << 4 | hex(text[2]));
            text += 2;
        } else {
            out[n] = *text;
        }
    }
    return n;
}

/* A piece of this worker's memory that lives until the next call. */
void *pp_take(size_t size)
{
    char *p = me->arena + me->arena_used;
    me->arena_used += (size + 63) & ~(size_t)63;
    if (me->arena_used > ARENA_SIZE) {
        fprintf(stderr, "differ: a line asks for too much memory\n");
        exit(3);
    }
    return p;
}

/* The last size bytes before an unmapped page; NULL if the line has used up all such places. */
static char *edge(size_t size)
{
    if (me->zones_used == ZONES || size > ZONE_SIZE)
        return NULL;
    return me->zone[me->zones_used++] + ZONE_SIZE - size;
}

static bool string_arg(const char *text, bool at_edge, bool ended, struct arg *arg)
{
    char *plain = pp_take(strlen(text) + 1);
    size_t n = unescape(text, plain);
    plain[n] = 0;
    size_t size = n + (ended ? 1 : 0);
    char *p = at_edge ? edge(size) : plain;
    if (!p)
        return false;
    if (at_edge)
        memcpy(p, plain, size);
    arg->value = (uint64_t)p;
    return true;
}

static bool hex_arg(const char *text, bool at_edge, struct arg *arg)
{
    size_t n = strlen(text) / 2;
    unsigned char *p = at_edge ? (unsigned char *)edge(n) : pp_take(n + 1);
    if (!p)
        return false;
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)(hex(text[2 * i]) << 4 | hex(text[2 * i + 1]));
    arg->value = (uint64_t)p;
    return true;
}

static bool buffer_arg(size_t size, bool at_edge, struct arg *arg)
{
    size_t slack = at_edge ? 0 : 32;
    arg->data = at_edge ? (unsigned char *)edge(size) : pp_take(size + slack);
    if (!arg->data)
        return false;
    memset(arg->data, FILL, size + slack);
    arg->size = size;
    arg->slack = slack;
    arg->value = (uint64_t)arg->data;
    return true;
}

static bool iovec_arg(const char *text, struct arg *arg)
{
    struct iovec *v = pp_take(16 * sizeof *v);
    size_t sizes[16], total = 0;
    int count = 0;
    for (char *end; *text && count < 16; text = *end ? end + 1 : end) {
        sizes[count] = strtoul(text, &end, 0);
        total += sizes[count++];
    }
    if (!buffer_arg(total, false, arg))
        return false;
    unsigned char *p = arg->data;
    for (int i = 0; i < count; p += sizes[i++])
        v[i] = (struct iovec){p, sizes[i]};
    arg->value = (uint64_t)v;
    return true;
}

static bool written_arg(size_t size, struct arg *arg)
{
    char *p = pp_take(size + 1);
    for (size_t i = 0; i < size; i++)
        p[i] = (char)('a' + i % 26);
    arg->value = (uint64_t)p;
    return true;
}

/* The vector of strings in a word "a:A,B"; its memory is this worker's. */
char **pp_parse_vector(const char *word)
{
    char **vector = pp_take(32 * sizeof *vector), *copy = pp_take(strlen(word) + 1);
    int n = 0;
    strcpy(copy, word + 2);
    for (char *rest = copy, *one; n < 31 && *rest && (one = strsep(&rest, ",")); n++) {
        vector[n] = pp_take(strlen(one) + 1);
        vector[n][unescape(one, vector[n])] = 0;
        if (!rest) {
            n++;
            break;
        }
    }
    vector[n] = NULL;
    return vector;
}

/* What a word stands for; false if it can't be had. */
bool pp_parse_arg(const char *word, struct arg *arg)
{
    const char *rest = word + 2;
    memset(arg, 0, sizeof *arg);
    switch (word[0]) {
    case 'd':
        arg->value = rest[0] == '-' ? (uint64_t)strtoll(rest, NULL, 0) : strtoull(rest, NULL, 0);
        return true;
    case 'f':
        arg->value = (uint64_t)me->slot[strtoul(rest, NULL, 10) % SLOTS];
        return true;
    case 'k':
        arg->value = me->cookies ? (uint64_t)me->cookie[strtoul(rest, NULL, 10) % (unsigned)me->cookies] : 0;
        return true;
    case 's': return string_arg(rest, false, true, arg);
    case 'S': return string_arg(rest, true, true, arg);
    case 'U': return string_arg(rest, true, false, arg);
    case 'h': return hex_arg(rest, false, arg);
    case 'H': return hex_arg(rest, true, arg);
    case 'b': return buffer_arg(strtoul(rest, NULL, 0), false, arg);
    case 'B': return buffer_arg(strtoul(rest, NULL, 0), true, arg);
    case 'w': return written_arg(strtoul(rest, NULL, 0), arg);
    case 'v': return iovec_arg(rest, arg);
    case 'a':
        arg->value = (uint64_t)pp_parse_vector(word);
        return true;
    default: return false;
    }
}

/* Split a line at its blanks, in place; the number of words. */
int pp_split(char *text, struct line *line)
{
    line->count = 0;
    for (char *word; line->count < (int)COUNT(line->words) && (word = strsep(&text, " "));)
        if (*word)
            line->words[line->count++] = word;
    return line->count;
}

/* Whether the last listing was that of this directory: positions mean nothing to another. */
static bool is_listed(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISDIR(s.st_mode) && me->listed[0] == s.st_dev && me->listed[1] == s.st_ino;
}

/* "call NAME NR SHOW SLOT ARG…": false when the line is none of ours. */
bool pp_parse_call(struct line *line, struct call *call)
{
    memset(call, 0, sizeof *call);
    me->arena_used = 0;
    me->zones_used = 0;
    if (line->count < 5 || line->count > 5 + MAX_ARGS)
        return false;
    call->name = line->words[1];
    call->nr = strtol(line->words[2], NULL, 10);
    call->show = line->words[3][0];
    call->shown = line->words[3][1] ? atoi(line->words[3] + 1) : 0;
    call->slot = line->words[4][0] == '-' ? -1 : atoi(line->words[4]) % SLOTS;
    call->count = line->count - 5;
    for (int i = 0; i < call->count; i++) {
        char *word = line->words[5 + i];
        if (word[0] == 'k' && !is_listed((int)call->args[0].value))
            strcpy(word, "d:0");
        if (!pp_parse_arg(word, &call->args[i]))
            return false;
    }
    return true;
}
