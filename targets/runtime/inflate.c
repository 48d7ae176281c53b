#include "inflate.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_CODE_BITS = 15, LITERALS = 288, DISTANCES = 30, END_OF_BLOCK = 256 };

static const char *const CUT_OFF = "its compressed data is cut off; copy or save it again";
static const char *const CORRUPT = "its compressed data is corrupt; copy or save it again";
static const char *const TOO_LONG = "it holds more data than its size allows; save it again";

struct stream {
    const uint8_t *in;
    size_t in_bytes;
    size_t in_at;
    uint32_t bits;
    int bit_count;
    bool cut_off;
    uint8_t *out;
    size_t out_bytes;
    size_t out_at;
};

/* A canonical Huffman code: how many codes have each length, and their symbols in code order. */
struct code {
    uint16_t counts[MAX_CODE_BITS + 1];
    uint16_t symbols[LITERALS];
};

/* Up to 16 bits, lowest first; 0 with cut_off set where the input ends. */
static uint32_t take_bits(struct stream *stream, int count)
{
    while (stream->bit_count < count) {
        if (stream->in_at == stream->in_bytes) {
            stream->cut_off = true;
            return 0;
        }
        stream->bits |= (uint32_t)stream->in[stream->in_at++] << stream->bit_count;
        stream->bit_count += 8;
    }
    uint32_t value = stream->bits & ((1u << count) - 1);
    stream->bits >>= count;
    stream->bit_count -= count;
    return value;
}

/* False where the lengths ask for more codes than there are. */
static bool build_code(struct code *code, const uint8_t *lengths, int symbols)
{
    uint16_t starts[MAX_CODE_BITS + 2] = {0};
    int32_t unused = 1;
    memset(code->counts, 0, sizeof code->counts);
    for (int symbol = 0; symbol < symbols; symbol++)
        code->counts[lengths[symbol]]++;
    code->counts[0] = 0;
    for (int length = 1; length <= MAX_CODE_BITS; length++) {
        unused = 2 * unused - code->counts[length];
        if (unused < 0)
            return false;
        starts[length + 1] = (uint16_t)(starts[length] + code->counts[length]);
    }
    for (int symbol = 0; symbol < symbols; symbol++)
        if (lengths[symbol] != 0)
            code->symbols[starts[lengths[symbol]]++] = (uint16_t)symbol;
    return true;
}

/* The next symbol, or -1 where the input ends or no code fits. */
static int take_symbol(struct stream *stream, const struct code *code)
{
    int32_t value = 0, first = 0, position = 0;
    for (int length = 1; length <= MAX_CODE_BITS; length++) {
        value = 2 * value + (int32_t)take_bits(stream, 1);
        if (stream->cut_off)
            return -1;
        int32_t count = code->counts[length];
        if (value - first < count)
            return code->symbols[position + value - first];
        position += count;
        first = 2 * (first + count);
    }
    return -1;
}

static const char *copy_stored(struct stream *stream)
{
    stream->bits = 0;
    stream->bit_count = 0;
    uint32_t length = take_bits(stream, 16);
    uint32_t complement = take_bits(stream, 16);
    if (stream->cut_off || length > stream->in_bytes - stream->in_at)
        return CUT_OFF;
    if ((length ^ complement) != 0xffff)
        return CORRUPT;
    if (length > stream->out_bytes - stream->out_at)
        return TOO_LONG;
    memcpy(stream->out + stream->out_at, stream->in + stream->in_at, length);
    stream->out_at += length;
    stream->in_at += length;
    return NULL;
}

/* `base` of a length or distance code and how many extra bits follow it. */
struct range {
    uint16_t base;
    uint8_t extra_bits;
};

static struct range length_range(int index)
{
    if (index == 28)
        return (struct range){258, 0};
    if (index < 8)
        return (struct range){(uint16_t)(3 + index), 0};
    int extra = index / 4 - 1;
    return (struct range){(uint16_t)(3 + ((4 + index % 4) << extra)), (uint8_t)extra};
}

static struct range distance_range(int index)
{
    if (index < 4)
        return (struct range){(uint16_t)(1 + index), 0};
    int extra = index / 2 - 1;
    return (struct range){(uint16_t)(1 + ((2 + index % 2) << extra)), (uint8_t)extra};
}

static const char *copy_match(struct stream *stream, int symbol, const struct code *distances)
{
    if (symbol > 285)
        return CORRUPT;
    struct range range = length_range(symbol - 257);
    size_t length = range.base + take_bits(stream, range.extra_bits);
    symbol = take_symbol(stream, distances);
    if (stream->cut_off)
        return CUT_OFF;
    if (symbol < 0 || symbol >= DISTANCES)
        return CORRUPT;
    range = distance_range(symbol);
    size_t distance = range.base + take_bits(stream, range.extra_bits);
    if (stream->cut_off)
        return CUT_OFF;
    if (distance > stream->out_at)
        return CORRUPT;
    if (length > stream->out_bytes - stream->out_at)
        return TOO_LONG;
    for (; length > 0; length--, stream->out_at++)
        stream->out[stream->out_at] = stream->out[stream->out_at - distance];
    return NULL;
}

static const char *copy_coded(struct stream *stream, const struct code *literals,
                              const struct code *distances)
{
    for (;;) {
        int symbol = take_symbol(stream, literals);
        if (symbol < 0)
            return stream->cut_off ? CUT_OFF : CORRUPT;
        if (symbol == END_OF_BLOCK)
            return NULL;
        if (symbol > END_OF_BLOCK) {
            const char *problem = copy_match(stream, symbol, distances);
            if (problem)
                return problem;
        } else if (stream->out_at == stream->out_bytes) {
            return TOO_LONG;
        } else {
            stream->out[stream->out_at++] = (uint8_t)symbol;
        }
    }
}

static const char *copy_fixed(struct stream *stream)
{
    uint8_t lengths[LITERALS];
    struct code literals, distances;
    for (int symbol = 0; symbol < LITERALS; symbol++)
        lengths[symbol] = symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    build_code(&literals, lengths, LITERALS);
    memset(lengths, 5, DISTANCES);
    build_code(&distances, lengths, DISTANCES);
    return copy_coded(stream, &literals, &distances);
}

/* Run-length coded code lengths of a dynamic block. */
static const char *take_lengths(struct stream *stream, const struct code *code, uint8_t *lengths,
                                int count)
{
    for (int at = 0; at < count;) {
        int symbol = take_symbol(stream, code);
        if (symbol < 0)
            return stream->cut_off ? CUT_OFF : CORRUPT;
        if (symbol < 16) {
            lengths[at++] = (uint8_t)symbol;
            continue;
        }
        if (symbol == 16 && at == 0)
            return CORRUPT;
        uint8_t repeated = symbol == 16 ? lengths[at - 1] : 0;
        int bits = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
        int times = (symbol == 18 ? 11 : 3) + (int)take_bits(stream, bits);
        if (times > count - at)
            return CORRUPT;
        memset(lengths + at, repeated, (size_t)times);
        at += times;
    }
    return stream->cut_off ? CUT_OFF : NULL;
}

static const char *copy_dynamic(struct stream *stream)
{
    static const uint8_t ORDER[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[LITERALS + 32] = {0};
    struct code literals, distances;
    int literal_count = 257 + (int)take_bits(stream, 5);
    int distance_count = 1 + (int)take_bits(stream, 5);
    int order_count = 4 + (int)take_bits(stream, 4);
    if (literal_count > 286 || distance_count > DISTANCES)
        return CORRUPT;
    for (int at = 0; at < order_count; at++)
        lengths[ORDER[at]] = (uint8_t)take_bits(stream, 3);
    if (stream->cut_off)
        return CUT_OFF;
    if (!build_code(&literals, lengths, 19))
        return CORRUPT;
    const char *problem = take_lengths(stream, &literals, lengths, literal_count + distance_count);
    if (problem)
        return problem;
    if (!build_code(&literals, lengths, literal_count) ||
        !build_code(&distances, lengths + literal_count, distance_count))
        return CORRUPT;
    return copy_coded(stream, &literals, &distances);
}

static const char *copy_block(struct stream *stream)
{
    switch (take_bits(stream, 2)) {
    case 0:
        return stream->cut_off ? CUT_OFF : copy_stored(stream);
    case 1:
        return copy_fixed(stream);
    case 2:
        return copy_dynamic(stream);
    default:
        return CORRUPT;
    }
}

static uint32_t adler32(const uint8_t *data, size_t bytes)
{
    uint32_t low = 1, high = 0;
    for (size_t i = 0; i < bytes; i++) {
        low = (low + data[i]) % 65521;
        high = (high + low) % 65521;
    }
    return high << 16 | low;
}

const char *inflate_zlib(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
    struct stream stream = {.in = in, .in_bytes = in_bytes, .out = out, .out_bytes = out_bytes};
    uint32_t method = take_bits(&stream, 8), flags = take_bits(&stream, 8);
    if (stream.cut_off)
        return CUT_OFF;
    if ((method & 15) != 8 || (method << 8 | flags) % 31 != 0 || (flags & 32) != 0)
        return CORRUPT;
    for (uint32_t last = 0; !last;) {
        last = take_bits(&stream, 1);
        const char *problem = copy_block(&stream);
        if (problem)
            return problem;
    }
    if (stream.out_at != out_bytes)
        return CUT_OFF;
    stream.bit_count = 0;
    stream.bits = 0;
    uint32_t checksum = 0;
    for (int i = 0; i < 4; i++)
        checksum = checksum << 8 | take_bits(&stream, 8);
    if (stream.cut_off)
        return CUT_OFF;
    return checksum == adler32(out, out_bytes) ? NULL : CORRUPT;
}
