/* Decompression of one block, by RFC 1951.  A block is inflated from memory to memory, so there is no window to keep. */
#include <string.h>

#include "head.h"

#define MAX_BITS 15
#define LITERALS 288
#define DISTANCES 32

struct source {
    const uint8_t *next, *end;
    uint64_t hold;
    unsigned count, missing; /* bits in hold; bytes that were wanted behind the end */
};

/* Indexed by the next bits of the stream: symbol << 4 | length of its code; 0 where no code begins so. */
struct table {
    uint16_t entry[1 << MAX_BITS];
    unsigned bits;
};

static const uint16_t length_base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                         193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t distance_extra[] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                         6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

static void fill(struct source *s)
{
    if (s->end - s->next >= 8) {
        uint64_t word;
        memcpy(&word, s->next, sizeof word); /* x86_64 is little-endian */
        s->hold |= word << s->count;
        s->next += (63 - s->count) >> 3;
        s->count |= 56;
        return;
    }
    while (s->count <= 56) {
        if (s->next < s->end)
            s->hold |= (uint64_t)*s->next++ << s->count;
        else
            s->missing++;
        s->count += 8;
    }
}

static unsigned take(struct source *s, unsigned bits)
{
    if (s->count < bits)
        fill(s);
    unsigned value = s->hold & ((1u << bits) - 1);
    s->hold >>= bits;
    s->count -= bits;
    return value;
}

/* Canonical codes of the given lengths; false when they overlap.  An incomplete set is no error until a missing code is
 * met: a block without matches has at most one distance. */
static bool build(struct table *t, const uint8_t *lengths, unsigned number)
{
    unsigned many[MAX_BITS + 1] = {0}, next[MAX_BITS + 2] = {0}, code = 0;
    for (unsigned i = 0; i < number; i++)
        many[lengths[i]]++;
    many[0] = 0;
    t->bits = 1;
    for (unsigned bits = 1; bits <= MAX_BITS; bits++) {
        next[bits] = code = (code + many[bits - 1]) << 1;
        if (many[bits])
            t->bits = bits;
        if (code + many[bits] > 1u << bits)
            return false;
    }
    memset(t->entry, 0, sizeof *t->entry << t->bits);
    for (unsigned i = 0; i < number; i++) {
        unsigned length = lengths[i], reversed = 0;
        if (!length)
            continue;
        for (unsigned bit = 0, value = next[length]++; bit < length; bit++)
            reversed |= (value >> bit & 1) << (length - 1 - bit);
        for (unsigned at = reversed; at < 1u << t->bits; at += 1u << length)
            t->entry[at] = i << 4 | length;
    }
    return true;
}

/* The next symbol, or -1. */
static int decode(struct source *s, const struct table *t)
{
    if (s->count < MAX_BITS)
        fill(s);
    unsigned found = t->entry[s->hold & ((1u << t->bits) - 1)];
    if (!found)
        return -1;
    s->hold >>= found & 15;
    s->count -= found & 15;
    return found >> 4;
}

static bool read_tables(struct source *s, struct table *literals, struct table *distances)
{
    static const uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + DISTANCES] = {0};
    unsigned nliterals = take(s, 5) + 257, ndistances = take(s, 5) + 1, ncodes = take(s, 4) + 4;
    for (unsigned i = 0; i < ncodes; i++)
        lengths[order[i]] = take(s, 3);
    if (nliterals > LITERALS || !build(literals, lengths, 19))
        return false;
    memset(lengths, 0, 19);
    for (unsigned at = 0; at < nliterals + ndistances;) {
        int symbol = decode(s, literals);
        if (symbol < 0 || (symbol == 16 && at == 0))
            return false;
        if (symbol < 16) {
            lengths[at++] = symbol;
            continue;
        }
        uint8_t value = symbol == 16 ? lengths[at - 1] : 0;
        unsigned times = symbol == 16 ? 3 + take(s, 2) : symbol == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
        if (at + times > nliterals + ndistances)
            return false;
        memset(lengths + at, value, times);
        at += times;
    }
    return build(distances, lengths + nliterals, ndistances) && build(literals, lengths, nliterals);
}

static bool fixed_tables(struct table *literals, struct table *distances)
{
    uint8_t lengths[LITERALS];
    for (unsigned i = 0; i < LITERALS; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    if (!build(literals, lengths, LITERALS))
        return false;
    memset(lengths, 5, DISTANCES);
    return build(distances, lengths, DISTANCES);
}

static bool copy_stored(struct source *s, uint8_t *out, size_t *done, size_t size)
{
    take(s, s->count & 7);
    unsigned length = take(s, 16), complement = take(s, 16);
    if ((length ^ complement) != 0xffff || length > size - *done)
        return false;
    for (; length && s->count >= 8; length--)
        out[(*done)++] = take(s, 8);
    if (length > (size_t)(s->end - s->next))
        return false;
    if (length) { /* hold may have bits of the bytes behind it, which are to be read anew */
        memcpy(out + *done, s->next, length);
        s->next += length;
        *done += length;
        s->hold = s->count = 0;
    }
    return true;
}

static bool copy_match(struct source *s, const struct table *distances, int symbol, uint8_t *out, size_t *done, size_t size)
{
    if (symbol >= (int)sizeof length_extra)
        return false;
    size_t length = length_base[symbol] + take(s, length_extra[symbol]);
    int which = decode(s, distances);
    if (which < 0 || which >= (int)sizeof distance_extra)
        return false;
    size_t distance = distance_base[which] + take(s, distance_extra[which]);
    if (distance > *done || length > size - *done)
        return false;
    uint8_t *to = out + *done;
    *done += length;
    if (distance >= 8 && size - *done >= 8) { /* what is written beyond the end is written again */
        for (size_t at = 0; at < length; at += 8)
            memcpy(to + at, to + at - distance, 8);
        return true;
    }
    for (; length; length--, to++)
        *to = to[-(ptrdiff_t)distance];
    return true;
}

bool pd_inflate(const uint8_t *in, size_t length, uint8_t *out, size_t size)
{
    static struct table literals, distances;
    struct source s = {in, in + length, 0, 0, 0};
    size_t done = 0;
    bool last;
    do {
        last = take(&s, 1);
        unsigned kind = take(&s, 2);
        if (kind == 0) {
            if (!copy_stored(&s, out, &done, size))
                return false;
            continue;
        }
        if (kind == 3 || !(kind == 1 ? fixed_tables(&literals, &distances) : read_tables(&s, &literals, &distances)))
            return false;
        for (int symbol; (symbol = decode(&s, &literals)) != 256;) {
            if (symbol < 0 || s.missing > 8)
                return false;
            if (symbol > 256) {
                if (!copy_match(&s, &distances, symbol - 257, out, &done, size))
                    return false;
            } else if (done == size) {
                return false;
            } else {
                out[done++] = symbol;
            }
        }
    } while (!last && s.missing <= 8);
    return last && done == size && s.missing * 8 <= s.count;
}
