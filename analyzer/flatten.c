/* The JSON text of a CloudTrail log into columns, in one pass. flatten.py is its only caller.
 *
 * A log is taken whole or refused. Every member of every record ends in the column that the
 * shape names for it or, unknown or not of the documented type, in the column `extra`, as JSON.
 * Nothing is interpreted twice and nothing is kept but the columns, which Arrow reads in place.
 *
 * The text is what somebody wrote who may mean harm: nothing is read at or beyond `end`, what
 * follows a backslash is checked, and nesting is bounded. `make fuzz` runs this under the
 * address and undefined-behaviour sanitizers.
 */

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

enum { DEEPEST = 1000, DEEPEST_SHAPE = 8 };

/* ------------------------------------------------------------------ what flatten.py knows too */

/* What a member must be to become its column. */
enum Kind { OBJECT, TEXT, TIME, FLAG, JSON };

/* A documented member. Node 0 is the record itself; the members of an object lie side by side. */
typedef struct {
    const char *name;
    int32_t name_length;
    int32_t kind;
    int32_t column;
    int32_t first_member;
    int32_t members;
} Node;

/* How a column is held. */
enum Encoding { PLAIN, DICTIONARY, MICROSECONDS, BOOLEAN, HASH };

/* A finished column, as Arrow lays it out; `validity` has a bit a row. The offsets and bytes of
 * a DICTIONARY column are those of its dictionary, and its values are positions in that. */
typedef struct {
    int64_t nulls;
    const void *validity;
    const void *values;
    const int32_t *offsets;
    const uint8_t *bytes;
    int64_t dictionary_length;
} Finished;

/* Why a log was refused, and for NO_OBJECT which of its records. */
enum Refusal { NO_JSON = 1, NO_RECORDS, NO_OBJECT, TOO_DEEP, TOO_MANY_BYTES, NO_MEMORY };

typedef struct {
    int64_t reason;
    int64_t position;
} Refused;

/* ---------------------------------------------------------------------------------- a column */

typedef struct {
    uint8_t *bytes;
    int64_t length;
    int64_t room;
} Buffer;

typedef struct {
    uint64_t hash;
    int32_t position; /* -1: the slot is free */
} Slot;

/* A value each for so many rows as the batch has room for; none before the first value is set. */
typedef struct {
    int32_t encoding;
    int32_t latest_entry; /* of the dictionary, and so the value of a row not far above */
    int64_t used_rows;    /* one more than the last row that has a value */
    uint8_t *valid;       /* 0: the row is null */
    void *values;         /* by encoding; of a PLAIN one, where the text of the row ends */
    Buffer bytes;         /* texts, one behind the other */
    Buffer offsets;       /* int32: where each entry of the dictionary starts, and the end */
    int32_t entries;
    Slot *slots;
    int64_t slot_count; /* a power of two */
} Column;

/* Objects of a record are kept, so long and of so many values as this, each in the slot that its
 * hash names, until another one takes the slot. */
enum { KNOWN_OBJECTS = 1024, KNOWN_TEXT = 1016, KNOWN_VALUES = 32 };

typedef struct {
    int32_t column;
    int32_t entry; /* of the column's dictionary */
} KnownValue;

/* An object that was read and became these entries of dictionaries, and nothing else. */
typedef struct {
    const Node *node; /* NULL: the slot is free */
    uint64_t hash;
    int32_t length;
    int32_t value_count;
    KnownValue values[KNOWN_VALUES];
    uint8_t text[KNOWN_TEXT];
} KnownObject;

typedef struct {
    const Node *nodes;
    int32_t *next_member; /* by node: which of its siblings came after it the last time, or first */
    int32_t *first_guess; /* by node: which of its members came first the last time */
    Column *columns;
    int32_t column_count;
    int32_t extra, source_key, id_hash, text_hash; /* columns that no member is meant for alone */
    int32_t event_id;
    int64_t rows;
    int64_t room; /* for rows */
    uint64_t seed;
    Buffer unescaped;
    Buffer compact;
    Buffer odd_extra; /* what of the current record fits no column, as JSON */
    /* The text that is being read: */
    const uint8_t *end;
    jmp_buf refused;
    Refused refusal;
    bool escaped;   /* the last string held a backslash */
    bool half_pair; /* a string since this was cleared held half a surrogate pair */
    bool spaced;    /* white space since this was cleared stood between tokens */
    const Node *path[DEEPEST_SHAPE];
    KnownObject *known;
    bool noting; /* what is read since this was set became entries of dictionaries alone: */
    int32_t noted_count;
    KnownValue noted[KNOWN_VALUES];
    int32_t extra_open;              /* how many objects are open in odd_extra */
    bool extra_holds[DEEPEST_SHAPE]; /* whether the open object has a member already */
} Batch;

_Noreturn static void refuse(Batch *batch, int64_t reason) {
    batch->refusal.reason = reason;
    longjmp(batch->refused, 1);
}

/* Make room for `more` bytes, and return where they go. */
static uint8_t *reserve(Batch *batch, Buffer *buffer, int64_t more) {
    int64_t wanted = buffer->length + more;
    if (wanted > buffer->room) {
        int64_t room = buffer->room ? buffer->room : 256;
        while (room < wanted) room *= 2;
        uint8_t *bytes = realloc(buffer->bytes, (size_t)room);
        if (!bytes) refuse(batch, NO_MEMORY);
        buffer->bytes = bytes;
        buffer->room = room;
    }
    return buffer->bytes + buffer->length;
}

static void append(Batch *batch, Buffer *buffer, const void *bytes, int64_t length) {
    uint8_t *to = reserve(batch, buffer, length);
    if (length) memcpy(to, bytes, (size_t)length);
    buffer->length += length;
}

static void append_byte(Batch *batch, Buffer *buffer, uint8_t byte) {
    *reserve(batch, buffer, 1) = byte;
    buffer->length += 1;
}

static size_t value_width(const Column *column) {
    switch (column->encoding) {
    case PLAIN: case DICTIONARY: return 4;
    case BOOLEAN: return 1;
    default: return 8;
    }
}

/* Resize zeroed memory from `before` to `after` bytes; what is new is zero. */
static void *resized(Batch *batch, void *memory, size_t before, size_t after) {
    uint8_t *bytes = realloc(memory, after);
    if (!bytes) refuse(batch, NO_MEMORY);
    memset(bytes + before, 0, after - before);
    return bytes;
}

static void resize_column(Batch *batch, Column *column, int64_t before, int64_t after) {
    size_t width = value_width(column);
    column->values =
        resized(batch, column->values, width * (size_t)before, width * (size_t)after);
    /* Last, since a column that has it has both. */
    column->valid = resized(batch, column->valid, (size_t)before, (size_t)after);
}

/* Make room for one more row in every column that has a value. */
static void make_room(Batch *batch) {
    if (batch->rows < batch->room) return;
    int64_t room = batch->room ? 2 * batch->room : 1024;
    for (int32_t i = 0; i < batch->column_count; i++) {
        Column *column = &batch->columns[i];
        if (column->valid) resize_column(batch, column, batch->room, room);
    }
    batch->room = room;
}

static bool has_row(const Batch *batch, const Column *column) {
    return column->used_rows > batch->rows;
}

/* Say that the current row of a column has a value, for which there is room then. */
static void open_row(Batch *batch, Column *column) {
    if (!column->valid) resize_column(batch, column, 0, batch->room);
    column->valid[batch->rows] = 1;
    column->used_rows = batch->rows + 1;
}

/* Take back what has been added from row `rows` on; entries of a dictionary stay. */
static void truncate_rows(Column *column, int64_t rows) {
    if (column->used_rows <= rows) return;
    memset(column->valid + rows, 0, (size_t)(column->used_rows - rows));
    while (rows > 0 && !column->valid[rows - 1]) rows--;
    column->used_rows = rows;
    if (column->encoding == PLAIN)
        column->bytes.length = rows ? ((int32_t *)column->values)[rows - 1] : 0;
}

/* Where the bytes of a column end, as Arrow's offsets say it. */
static int32_t end_of(Batch *batch, const Column *column) {
    if (column->bytes.length > INT32_MAX) refuse(batch, TOO_MANY_BYTES);
    return (int32_t)column->bytes.length;
}

/* -------------------------------------------------------------------------------- dictionaries */

typedef uint8_t Vector __attribute__((vector_size(16)));

static Vector vector_at(const uint8_t *at) {
    Vector vector;
    memcpy(&vector, at, 16);
    return vector;
}

static uint64_t word_at(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static uint32_t half_word_at(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* Whether two texts of one length are the same. They nearly always are, so longer ones are
 * compared to their end. */
static bool same(const uint8_t *one, const uint8_t *other, int64_t length) {
    if (length >= 16) {
        Vector differing = vector_at(one + length - 16) ^ vector_at(other + length - 16);
        for (int64_t i = 0; i + 16 < length; i += 16)
            differing |= vector_at(one + i) ^ vector_at(other + i);
        uint64_t halves[2];
        memcpy(halves, &differing, 16);
        return !(halves[0] | halves[1]);
    }
    if (length >= 8)
        return word_at(one) == word_at(other) &&
               word_at(one + length - 8) == word_at(other + length - 8);
    if (length >= 4)
        return half_word_at(one) == half_word_at(other) &&
               half_word_at(one + length - 4) == half_word_at(other + length - 4);
    for (int64_t i = 0; i < length; i++)
        if (one[i] != other[i]) return false;
    return true;
}

static uint64_t mixed(uint64_t one, uint64_t other) {
    __uint128_t product = (__uint128_t)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static const uint64_t HASH_KEYS[] = {0x9E3779B97F4A7C15u, 0xE7037ED1A0B428DBu};

/* Fold the 16 bytes at `text` into a hash. */
static uint64_t hashed_on(uint64_t hash, const uint8_t *text) {
    return mixed(word_at(text) ^ HASH_KEYS[0] ^ hash, word_at(text + 8) ^ HASH_KEYS[1]);
}

/* A 64-bit hash in the manner of wyhash: multiply, and fold the halves of the product. Long texts
 * are hashed in four strands, because a multiplication takes longer than it keeps the unit busy. */
static uint64_t hash_of(const uint8_t *text, int64_t length, uint64_t seed) {
    const uint8_t *end = text + length;
    uint64_t hash = seed;
    if (length > 64) {
        uint64_t second = ~seed, third = seed ^ HASH_KEYS[0], fourth = seed ^ HASH_KEYS[1];
        for (; end - text > 64; text += 64) {
            hash = hashed_on(hash, text);
            second = hashed_on(second, text + 16);
            third = hashed_on(third, text + 32);
            fourth = hashed_on(fourth, text + 48);
        }
        hash = mixed(hash ^ third, second ^ fourth ^ HASH_KEYS[1]);
    }
    for (; end - text > 16; text += 16) hash = hashed_on(hash, text);
    uint64_t low = 0, high = 0;
    if (end - text >= 8) {
        low = word_at(text);
        high = word_at(end - 8);
    } else if (end - text >= 4) {
        low = half_word_at(text);
        high = half_word_at(end - 4);
    } else if (end > text) {
        low = (uint64_t)text[0] << 16 | (uint64_t)text[(end - text) / 2] << 8 | end[-1];
    }
    hash = mixed(low ^ HASH_KEYS[0] ^ hash, high ^ HASH_KEYS[1]);
    return mixed(hash ^ HASH_KEYS[0], (uint64_t)length ^ HASH_KEYS[1]);
}

static bool is_entry(const Column *column, int32_t position, const uint8_t *text, int64_t length) {
    const int32_t *starts = (const int32_t *)(const void *)column->offsets.bytes + position;
    return starts[1] - starts[0] == length && same(column->bytes.bytes + starts[0], text, length);
}

static void grow_slots(Batch *batch, Column *column) {
    int64_t count = column->slot_count ? 2 * column->slot_count : 64;
    Slot *slots = malloc((size_t)count * sizeof(Slot));
    if (!slots) refuse(batch, NO_MEMORY);
    for (int64_t i = 0; i < count; i++) slots[i].position = -1;
    for (int64_t i = 0; i < column->slot_count; i++) {
        if (column->slots[i].position < 0) continue;
        int64_t at = (int64_t)column->slots[i].hash & (count - 1);
        while (slots[at].position >= 0) at = (at + 1) & (count - 1);
        slots[at] = column->slots[i];
    }
    free(column->slots);
    column->slots = slots;
    column->slot_count = count;
}

static int32_t add_entry(Batch *batch, Column *column, const uint8_t *text, int64_t length) {
    int32_t start = end_of(batch, column);
    if (!column->entries) append(batch, &column->offsets, &start, 4);
    append(batch, &column->bytes, text, length);
    int32_t end = end_of(batch, column);
    append(batch, &column->offsets, &end, 4);
    return column->entries++;
}

/* The position of a text in the dictionary, added if it is new. */
static int32_t entry_of(Batch *batch, Column *column, const uint8_t *text, int64_t length) {
    /* Neighbours are often the same caller's. */
    if (column->entries && is_entry(column, column->latest_entry, text, length))
        return column->latest_entry;
    if (2 * (int64_t)column->entries >= column->slot_count) grow_slots(batch, column);
    uint64_t hash = hash_of(text, length, batch->seed);
    int64_t at = (int64_t)hash & (column->slot_count - 1);
    for (;; at = (at + 1) & (column->slot_count - 1)) {
        Slot *slot = &column->slots[at];
        if (slot->position < 0) *slot = (Slot){hash, add_entry(batch, column, text, length)};
        if (slot->hash == hash && is_entry(column, slot->position, text, length)) {
            column->latest_entry = slot->position;
            return slot->position;
        }
    }
}

/* ------------------------------------------------------------------------------ values of a row */

/* Note that a column has got an entry of its dictionary as its value. */
static void note(Batch *batch, const Column *column, int32_t entry) {
    if (batch->noted_count == KNOWN_VALUES) {
        batch->noting = false;
        return;
    }
    batch->noted[batch->noted_count++] = (KnownValue){(int32_t)(column - batch->columns), entry};
}

static void set_text(Batch *batch, Column *column, const uint8_t *text, int64_t length) {
    open_row(batch, column);
    int32_t value;
    if (column->encoding == PLAIN) {
        append(batch, &column->bytes, text, length);
        value = end_of(batch, column);
        batch->noting = false;
    } else {
        value = entry_of(batch, column, text, length);
        if (batch->noting) note(batch, column, value);
    }
    ((int32_t *)column->values)[batch->rows] = value;
}

static void set_word(Batch *batch, Column *column, uint64_t word) {
    open_row(batch, column);
    batch->noting = false;
    ((uint64_t *)column->values)[batch->rows] = word;
}

static void set_flag(Batch *batch, Column *column, bool flag) {
    open_row(batch, column);
    batch->noting = false;
    ((uint8_t *)column->values)[batch->rows] = flag;
}

/* -------------------------------------------------------------------------------------- strings */

enum { RUN = 32 };

static Vector special_in(const uint8_t *at) {
    Vector here = vector_at(at);
    return (Vector)((here == '"') | (here == '\\') | (here < 0x20));
}

/* How many of RUN bytes come before the first that ends a string, starts an escape or is
 * forbidden. */
#ifdef __SSE2__
static int64_t plain_bytes(const uint8_t *at) {
    uint32_t low = (uint32_t)_mm_movemask_epi8((__m128i)special_in(at));
    uint32_t high = (uint32_t)_mm_movemask_epi8((__m128i)special_in(at + 16));
    uint32_t marks = low | high << 16;
    return marks ? __builtin_ctz(marks) : RUN;
}
#else
/* Which byte of a word, in the order of memory, is the first that is not zero. */
static int64_t first_marked(uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_clzll(word) / 8;
#else
    return __builtin_ctzll(word) / 8;
#endif
}

static int64_t plain_bytes(const uint8_t *at) {
    Vector special[] = {special_in(at), special_in(at + 16)};
    uint64_t words[RUN / 8];
    memcpy(words, special, RUN);
    for (int64_t i = 0; i < RUN / 8; i++)
        if (words[i]) return 8 * i + first_marked(words[i]);
    return RUN;
}
#endif

/* Return the first byte at or after `at` that ends a string, starts an escape or is forbidden. */
static const uint8_t *plain_run(const Batch *batch, const uint8_t *at) {
    while (batch->end - at >= RUN) {
        int64_t plain = plain_bytes(at);
        at += plain;
        if (plain < RUN) return at;
    }
    while (at < batch->end && *at != '"' && *at != '\\' && *at >= 0x20) at++;
    return at;
}

static int32_t hex_digit(uint8_t digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* The value of four hex digits; -1 where there are none. */
static int32_t four_hex(const Batch *batch, const uint8_t *at) {
    if (batch->end - at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int32_t digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = 16 * value + digit;
    }
    return value;
}

/* The code point of the `\uXXXX` at `at`, and how many bytes long it is, a pair being one; -1 for
 * half a pair. */
static int32_t code_point(Batch *batch, const uint8_t *at, int64_t *length) {
    int32_t unit = four_hex(batch, at + 2);
    if (unit < 0) refuse(batch, NO_JSON);
    *length = 6;
    if (unit < 0xD800 || unit > 0xDFFF) return unit;
    if (unit < 0xDC00 && batch->end - at >= 12 && at[6] == '\\' && at[7] == 'u') {
        int32_t low = four_hex(batch, at + 8);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *length = 12;
            return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return -1;
}

static int32_t unescaped_byte(uint8_t letter) {
    switch (letter) {
    case '"': case '\\': case '/': return letter;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return -1;
    }
}

/* Step over an escape. */
static const uint8_t *after_escape(Batch *batch, const uint8_t *at) {
    if (batch->end - at < 2) refuse(batch, NO_JSON);
    if (at[1] == 'u') {
        int64_t length;
        if (code_point(batch, at, &length) < 0) batch->half_pair = true;
        return at + length;
    }
    if (unescaped_byte(at[1]) < 0) refuse(batch, NO_JSON);
    return at + 2;
}

/* Return the quote that ends the string whose first quote is at `at`. */
static const uint8_t *string_end(Batch *batch, const uint8_t *at) {
    batch->escaped = false;
    for (at = plain_run(batch, at + 1);; at = plain_run(batch, at)) {
        if (at == batch->end || *at < 0x20) refuse(batch, NO_JSON);
        if (*at == '"') return at;
        batch->escaped = true;
        at = after_escape(batch, at);
    }
}

static int64_t write_utf8(uint8_t *to, int32_t code) {
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    int64_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int64_t i = length - 1; i > 0; i--, code >>= 6) to[i] = (uint8_t)(0x80 | (code & 0x3F));
    to[0] = (uint8_t)((0xF00 >> length) | code);
    return length;
}

/* The text between `at` and `end`, which string_end has checked and found whole, without its
 * escapes. */
static const Buffer *unescape(Batch *batch, const uint8_t *at, const uint8_t *end) {
    Buffer *text = &batch->unescaped;
    text->length = 0;
    uint8_t *to = reserve(batch, text, end - at); /* an escape is longer than what it stands for */
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
        } else if (at[1] == 'u') {
            int64_t length;
            to += write_utf8(to, code_point(batch, at, &length));
            at += length;
        } else {
            *to++ = (uint8_t)unescaped_byte(at[1]);
            at += 2;
        }
    }
    text->length = to - text->bytes;
    return text;
}

/* --------------------------------------------------------------------- values that are only kept */

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static const uint8_t *after_space(Batch *batch, const uint8_t *at) {
    if (at < batch->end && *at > ' ') return at; /* CloudTrail writes none */
    for (; at < batch->end && is_space(*at); at++) batch->spaced = true;
    return at;
}

static uint8_t byte_at(Batch *batch, const uint8_t *at) {
    if (at >= batch->end) refuse(batch, NO_JSON);
    return *at;
}

static const uint8_t *after_digits(Batch *batch, const uint8_t *at) {
    const uint8_t *start = at;
    while (at < batch->end && *at >= '0' && *at <= '9') at++;
    if (at == start) refuse(batch, NO_JSON);
    return at;
}

static const uint8_t *after_number(Batch *batch, const uint8_t *at) {
    if (*at == '-') at++;
    at = byte_at(batch, at) == '0' ? at + 1 : after_digits(batch, at);
    if (at < batch->end && *at == '.') at = after_digits(batch, at + 1);
    if (at < batch->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (byte_at(batch, at) == '+' || *at == '-') at++;
        at = after_digits(batch, at);
    }
    return at;
}

static bool is_word(const Batch *batch, const uint8_t *at, const char *word, int64_t length) {
    return batch->end - at >= length && memcmp(at, word, (size_t)length) == 0;
}

static const uint8_t *after_value(Batch *batch, const uint8_t *at, int32_t depth);

/* Step over a name, its colon and the white space around it. */
static const uint8_t *after_name(Batch *batch, const uint8_t *at) {
    if (byte_at(batch, at) != '"') refuse(batch, NO_JSON);
    at = after_space(batch, string_end(batch, at) + 1);
    if (byte_at(batch, at) != ':') refuse(batch, NO_JSON);
    return after_space(batch, at + 1);
}

/* Step over an object or an array. */
static const uint8_t *after_container(Batch *batch, const uint8_t *at, int32_t depth) {
    bool object = *at == '{';
    uint8_t closing = object ? '}' : ']';
    if (depth == DEEPEST) refuse(batch, TOO_DEEP);
    at = after_space(batch, at + 1);
    if (byte_at(batch, at) == closing) return at + 1;
    for (;;) {
        if (object) at = after_name(batch, at);
        at = after_space(batch, after_value(batch, at, depth + 1));
        uint8_t next = byte_at(batch, at);
        if (next == closing) return at + 1;
        if (next != ',') refuse(batch, NO_JSON);
        at = after_space(batch, at + 1);
    }
}

/* Step over any value. */
static const uint8_t *after_value(Batch *batch, const uint8_t *at, int32_t depth) {
    switch (byte_at(batch, at)) {
    case '"': return string_end(batch, at) + 1;
    case '{': case '[': return after_container(batch, at, depth);
    case 't': if (is_word(batch, at, "true", 4)) return at + 4; break;
    case 'f': if (is_word(batch, at, "false", 5)) return at + 5; break;
    case 'n': if (is_word(batch, at, "null", 4)) return at + 4; break;
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9': return after_number(batch, at);
    default: break;
    }
    refuse(batch, NO_JSON);
}

/* A value's text without the white space between its tokens. */
static const Buffer *compacted(Batch *batch, const uint8_t *at, const uint8_t *end) {
    Buffer *text = &batch->compact;
    text->length = 0;
    bool inside = false;
    uint8_t *to = reserve(batch, text, end - at);
    for (; at < end; at++) {
        if (inside && *at == '\\') {
            *to++ = *at++;
        } else if (*at == '"') {
            inside = !inside;
        } else if (!inside && *at <= ' ') {
            continue;
        }
        *to++ = *at;
    }
    text->length = to - text->bytes;
    return text;
}

/* ---------------------------------------------------------------------- what fits into no column */

static void append_compact(Batch *batch, Buffer *to, const uint8_t *at, const uint8_t *end) {
    if (!batch->spaced) {
        append(batch, to, at, end - at);
        return;
    }
    const Buffer *text = compacted(batch, at, end);
    append(batch, to, text->bytes, text->length);
}

static void separate(Batch *batch, int32_t level) {
    if (batch->extra_holds[level]) append_byte(batch, &batch->odd_extra, ',');
    batch->extra_holds[level] = true;
}

/* Keep a member of the object at `level`, from its name to `end`, where it stood in the record. */
static void keep_extra(Batch *batch, int32_t level, const uint8_t *name, const uint8_t *end) {
    batch->noting = false;
    for (; batch->extra_open <= level; batch->extra_open++) {
        if (batch->extra_open > 0) {
            const Node *parent = batch->path[batch->extra_open];
            separate(batch, batch->extra_open - 1);
            append_byte(batch, &batch->odd_extra, '"');
            append(batch, &batch->odd_extra, parent->name, parent->name_length);
            append(batch, &batch->odd_extra, "\":", 2);
        }
        append_byte(batch, &batch->odd_extra, '{');
        batch->extra_holds[batch->extra_open] = false;
    }
    separate(batch, level);
    append_compact(batch, &batch->odd_extra, name, end);
}

static void close_extra(Batch *batch, int32_t level) {
    if (batch->extra_open <= level) return;
    append_byte(batch, &batch->odd_extra, '}');
    batch->extra_open = level;
}

/* ---------------------------------------------------------------------------------------- times */

static int64_t number_in(const uint8_t *at, int digits) {
    int64_t value = 0;
    for (int i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '9') return -1;
        value = 10 * value + (at[i] - '0');
    }
    return value;
}

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar, after Howard Hinnant,
 * https://howardhinnant.github.io/date_algorithms.html#days_from_civil, for years from 1970 on. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - 400 * era;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return 146097 * era + 365 * of_era + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Whether a text is a time as CloudTrail writes it, YYYY-MM-DDTHH:MM:SSZ, from 1970 on. */
static bool is_time(const uint8_t *at, int64_t length, int64_t *microseconds) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (length != 20 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' ||
        at[16] != ':' || at[19] != 'Z')
        return false;
    int64_t year = number_in(at, 4), month = number_in(at + 5, 2), day = number_in(at + 8, 2);
    int64_t hour = number_in(at + 11, 2), minute = number_in(at + 14, 2);
    int64_t second = number_in(at + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > days[month - 1] + (month == 2 && leap)) return false;
    int64_t seconds = 24 * days_since_1970(year, month, day) + hour;
    *microseconds = ((60 * seconds + minute) * 60 + second) * 1000000;
    return true;
}

/* --------------------------------------------------------------------------------------- records */

static const uint8_t *take_object(Batch *batch, const Node *node, const uint8_t *at, int32_t level);

/* Return the value's end if its column takes it; NULL where it is to be kept as extra. */
static const uint8_t *take_string(Batch *batch, const Node *node, const uint8_t *at) {
    Column *column = &batch->columns[node->column];
    const uint8_t *end = string_end(batch, at);
    if (batch->half_pair) return NULL;
    const uint8_t *text = at + 1;
    int64_t length = end - text;
    if (batch->escaped) {
        const Buffer *unescaped = unescape(batch, text, end);
        text = unescaped->bytes;
        length = unescaped->length;
    }
    if (node->kind == TEXT) {
        set_text(batch, column, text, length);
        return end + 1;
    }
    int64_t microseconds;
    if (!is_time(text, length, &microseconds)) return NULL;
    set_word(batch, column, (uint64_t)microseconds);
    return end + 1;
}

/* ------------------------------------------------------------------- objects that stand often */

/* The slot of an object, by the hash of its text to the first brace that closes one; NULL if that
 * is too far off for a slot. */
static KnownObject *slot_of(Batch *batch, const uint8_t *at, uint64_t *hash) {
    int64_t reach = batch->end - at < KNOWN_TEXT ? batch->end - at : KNOWN_TEXT;
    const uint8_t *brace = memchr(at, '}', (size_t)reach);
    if (!brace) return NULL;
    *hash = hash_of(at, brace - at, batch->seed);
    return &batch->known[*hash % KNOWN_OBJECTS];
}

/* Whether the object at `at` becomes what this one became: its columns are free, too. */
static bool is_known(
    const Batch *batch, const KnownObject *known, const Node *node, const uint8_t *at
) {
    if (known->node != node || batch->end - at < known->length ||
        !same(known->text, at, known->length))
        return false;
    for (int32_t i = 0; i < known->value_count; i++)
        if (has_row(batch, &batch->columns[known->values[i].column])) return false;
    return true;
}

static void take_known_values(Batch *batch, const KnownObject *known) {
    for (int32_t i = 0; i < known->value_count; i++) {
        Column *column = &batch->columns[known->values[i].column];
        open_row(batch, column);
        ((int32_t *)column->values)[batch->rows] = known->values[i].entry;
    }
}

/* Take an object of the record. One caller makes many calls, with one connection: such an object
 * often stands word for word as in a record before, and then it is not read again. */
static const uint8_t *take_known(Batch *batch, const Node *node, const uint8_t *at) {
    uint64_t hash;
    KnownObject *known = slot_of(batch, at, &hash);
    if (known && known->hash == hash && is_known(batch, known, node, at)) {
        take_known_values(batch, known);
        return at + known->length;
    }
    batch->noting = true;
    batch->noted_count = 0;
    const uint8_t *end = take_object(batch, node, at, 1);
    if (known && batch->noting && end - at <= KNOWN_TEXT) {
        known->node = node;
        known->hash = hash;
        known->length = (int32_t)(end - at);
        known->value_count = batch->noted_count;
        memcpy(known->values, batch->noted, sizeof batch->noted);
        memcpy(known->text, at, (size_t)known->length);
    }
    batch->noting = false;
    return end;
}

/* The same for a value of any kind. */
static const uint8_t *take_value(
    Batch *batch, const Node *node, const uint8_t *at, int32_t level
) {
    uint8_t first = byte_at(batch, at);
    if (first == 'n' && is_word(batch, at, "null", 4)) return at + 4;
    if (node->kind == OBJECT) {
        if (first != '{') return NULL;
        batch->path[level + 1] = node;
        return level ? take_object(batch, node, at, level + 1) : take_known(batch, node, at);
    }
    Column *column = &batch->columns[node->column];
    if (has_row(batch, column)) return NULL; /* the name stands twice: the first is the column's */
    if (node->kind == TEXT || node->kind == TIME)
        return first == '"' ? take_string(batch, node, at) : NULL;
    if (node->kind == FLAG) {
        bool flag = is_word(batch, at, "true", 4);
        if (!flag && !is_word(batch, at, "false", 5)) return NULL;
        set_flag(batch, column, flag);
        return at + (flag ? 4 : 5);
    }
    batch->spaced = false;
    const uint8_t *end = after_value(batch, at, level + 2);
    if (batch->half_pair) return NULL;
    if (batch->spaced) {
        const Buffer *text = compacted(batch, at, end);
        set_text(batch, column, text->bytes, text->length);
    } else {
        set_text(batch, column, at, end - at);
    }
    return end;
}

/* Return the member of `node` whose name, in its quotes, is at `at`; NULL where it has none.
 * `guess` is tried first: records of one service name their members in one order. */
static const Node *member_at(
    Batch *batch, const Node *node, const uint8_t *at, const Node *guess, const uint8_t **after
) {
    int64_t length = guess->name_length;
    if (batch->end - at > length + 1 && at[length + 1] == '"' &&
        same(at + 1, (const uint8_t *)guess->name, length)) {
        *after = at + length + 2;
        return guess;
    }
    const uint8_t *name = at + 1, *end = string_end(batch, at);
    *after = end + 1;
    length = end - name;
    if (batch->half_pair) return NULL;
    if (batch->escaped) {
        const Buffer *unescaped = unescape(batch, name, end);
        name = unescaped->bytes;
        length = unescaped->length;
    }
    const Node *member = batch->nodes + node->first_member;
    for (int32_t i = 0; i < node->members; i++, member++) {
        if (member->name_length == length && memcmp(member->name, name, (size_t)length) == 0)
            return member;
    }
    return NULL;
}

/* Take the members of the object at `at`; `level` is how deep in the record it lies. */
static const uint8_t *take_object(
    Batch *batch, const Node *node, const uint8_t *at, int32_t level
) {
    int32_t *guess = &batch->first_guess[node - batch->nodes];
    at = after_space(batch, at + 1);
    if (byte_at(batch, at) == '}') return at + 1;
    for (;;) {
        const uint8_t *name = at, *value;
        if (byte_at(batch, at) != '"') refuse(batch, NO_JSON);
        batch->half_pair = false;
        const Node *member = member_at(batch, node, at, batch->nodes + *guess, &value);
        if (member) {
            *guess = (int32_t)(member - batch->nodes);
            guess = &batch->next_member[*guess];
        }
        value = after_space(batch, value);
        if (byte_at(batch, value) != ':') refuse(batch, NO_JSON);
        value = after_space(batch, value + 1);
        at = member ? take_value(batch, member, value, level) : NULL;
        if (!at) {
            batch->spaced = true; /* there may have been white space since the name */
            at = after_value(batch, value, level + 2);
            keep_extra(batch, level, name, at);
        }
        at = after_space(batch, at);
        uint8_t next = byte_at(batch, at);
        if (next == '}') break;
        if (next != ',') refuse(batch, NO_JSON);
        at = after_space(batch, at + 1);
    }
    close_extra(batch, level);
    return at + 1;
}

static const uint8_t *take_record(Batch *batch, const uint8_t *start) {
    make_room(batch);
    batch->odd_extra.length = 0;
    batch->extra_open = 0;
    int64_t id_start = batch->columns[batch->event_id].bytes.length;
    const uint8_t *end = take_object(batch, batch->nodes, start, 0);
    if (batch->odd_extra.length)
        set_text(
            batch, &batch->columns[batch->extra], batch->odd_extra.bytes, batch->odd_extra.length
        );
    const Column *ids = &batch->columns[batch->event_id];
    if (has_row(batch, ids))
        set_word(
            batch, &batch->columns[batch->id_hash],
            hash_of(ids->bytes.bytes + id_start, ids->bytes.length - id_start, 0)
        );
    set_word(batch, &batch->columns[batch->text_hash], hash_of(start, end - start, 0));
    batch->rows += 1;
    return end;
}

static const uint8_t *take_records(Batch *batch, const uint8_t *at) {
    int64_t first = batch->rows;
    at = after_space(batch, at + 1);
    if (byte_at(batch, at) == ']') return at + 1;
    for (;;) {
        if (byte_at(batch, at) != '{') {
            after_value(batch, at, 2);
            batch->refusal.position = batch->rows - first;
            refuse(batch, NO_OBJECT);
        }
        at = after_space(batch, take_record(batch, at));
        uint8_t next = byte_at(batch, at);
        if (next == ']') return at + 1;
        if (next != ',') refuse(batch, NO_JSON);
        at = after_space(batch, at + 1);
    }
}

/* Take a whole log: one object with one array `Records`, whatever else it may hold. */
static void take_log(Batch *batch, const uint8_t *at) {
    bool found = false;
    at = after_space(batch, at);
    if (byte_at(batch, at) != '{') refuse(batch, NO_JSON);
    at = after_space(batch, at + 1);
    if (byte_at(batch, at) == '}') refuse(batch, NO_RECORDS);
    for (;;) {
        bool records = is_word(batch, at, "\"Records\"", 9);
        at = after_name(batch, at);
        if (records) {
            if (found || byte_at(batch, at) != '[') refuse(batch, NO_RECORDS);
            found = true;
            at = take_records(batch, at);
        } else {
            at = after_value(batch, at, 1);
        }
        at = after_space(batch, at);
        uint8_t next = byte_at(batch, at);
        if (next == '}') break;
        if (next != ',') refuse(batch, NO_JSON);
        at = after_space(batch, at + 1);
    }
    if (after_space(batch, at + 1) != batch->end) refuse(batch, NO_JSON);
    if (!found) refuse(batch, NO_RECORDS);
}

/* Say of the rows from `first` on which object they came from. */
static void name_source(Batch *batch, int64_t first, const uint8_t *key, int64_t length) {
    if (first == batch->rows) return;
    Column *keys = &batch->columns[batch->source_key];
    int64_t rows = batch->rows;
    int32_t entry = add_entry(batch, keys, key, length);
    for (batch->rows = first; batch->rows < rows; batch->rows++) {
        open_row(batch, keys);
        ((int32_t *)keys->values)[batch->rows] = entry;
    }
}

/* ------------------------------------------------------------------------- what flatten.py calls */

EXPORTED void tlstrail_free(Batch *batch) {
    if (!batch) return;
    for (int32_t i = 0; batch->columns && i < batch->column_count; i++) {
        Column *column = &batch->columns[i];
        free(column->valid);
        free(column->values);
        free(column->offsets.bytes);
        free(column->bytes.bytes);
        free(column->slots);
    }
    free(batch->columns);
    free(batch->next_member);
    free(batch->first_guess);
    free(batch->known);
    free(batch->unescaped.bytes);
    free(batch->compact.bytes);
    free(batch->odd_extra.bytes);
    free(batch);
}

/* Empty a column, and return how many bytes of memory it keeps. */
static int64_t clear_column(Column *column, int64_t room) {
    size_t used = (size_t)column->used_rows;
    if (used) {
        memset(column->valid, 0, used);
        memset(column->values, 0, used * value_width(column));
    }
    for (int64_t i = 0; column->entries && i < column->slot_count; i++)
        column->slots[i].position = -1;
    column->used_rows = column->entries = column->latest_entry = 0;
    column->bytes.length = column->offsets.length = 0;
    int64_t rows = column->valid ? room * (int64_t)(1 + value_width(column)) : 0;
    return rows + column->bytes.room + column->offsets.room +
           column->slot_count * (int64_t)sizeof(Slot);
}

/* Empty a batch, finished or not, so that it takes records anew in the memory that it has; return
 * how many bytes of columns that is. */
EXPORTED int64_t tlstrail_clear(Batch *batch) {
    int64_t held = 0;
    for (int32_t i = 0; i < batch->column_count; i++)
        held += clear_column(&batch->columns[i], batch->room);
    for (int64_t i = 0; i < KNOWN_OBJECTS; i++) batch->known[i].node = NULL;
    batch->rows = 0;
    return held;
}

/* An empty batch; NULL where there is no memory for it. The last four of the columns are
 * `extra`, `source_key`, and the hashes of a record's id and text. The nodes stay the caller's. */
EXPORTED Batch *tlstrail_new(
    const Node *nodes, int32_t node_count, const int32_t *encodings, int32_t column_count,
    int32_t event_id, uint64_t seed
) {
    Batch *batch = calloc(1, sizeof(Batch));
    if (!batch) return NULL;
    batch->nodes = nodes;
    batch->column_count = column_count;
    batch->columns = calloc((size_t)column_count, sizeof(Column));
    batch->next_member = calloc((size_t)node_count, sizeof(int32_t));
    batch->first_guess = calloc((size_t)node_count, sizeof(int32_t));
    batch->known = calloc(KNOWN_OBJECTS, sizeof(KnownObject));
    if (!batch->known || !batch->columns || !batch->next_member || !batch->first_guess) {
        tlstrail_free(batch);
        return NULL;
    }
    for (int32_t i = 0; i < column_count; i++) batch->columns[i].encoding = encodings[i];
    batch->extra = column_count - 4;
    batch->source_key = column_count - 3;
    batch->id_hash = column_count - 2;
    batch->text_hash = column_count - 1;
    batch->event_id = event_id;
    batch->seed = seed;
    for (int32_t i = 0; i < node_count; i++) {
        for (int32_t j = 0; j < nodes[i].members; j++) {
            int32_t member = nodes[i].first_member + j;
            batch->next_member[member] =
                j + 1 < nodes[i].members ? member + 1 : nodes[i].first_member;
        }
        batch->first_guess[i] = nodes[i].first_member;
    }
    return batch;
}

/* Take the records of a log and return how many it has; -1, and `refused`, when none is taken. */
EXPORTED int64_t tlstrail_take(
    Batch *batch, const uint8_t *text, int64_t length, const uint8_t *key, int64_t key_length,
    Refused *refused
) {
    int64_t before = batch->rows;
    batch->end = text + length;
    batch->refusal = (Refused){0, 0};
    batch->noting = false;
    if (setjmp(batch->refused)) {
        batch->rows = before;
        for (int32_t i = 0; i < batch->column_count; i++) truncate_rows(&batch->columns[i], before);
        *refused = batch->refusal;
        return -1;
    }
    take_log(batch, text);
    name_source(batch, before, key, key_length);
    return batch->rows - before;
}

/* Pack a byte a row, 0 or 1, into a bit a row, in place. */
static void pack(uint8_t *bytes, int64_t rows) {
    int64_t at = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    /* The product has the lowest bits of the word's bytes side by side in its highest byte. */
    for (; rows - at >= 8; at += 8)
        bytes[at / 8] = (uint8_t)(word_at(bytes + at) * 0x0102040810204080u >> 56);
#endif
    for (; at < rows; at += 8) {
        uint8_t bits = 0;
        for (int64_t i = 0; i < 8 && at + i < rows; i++)
            bits |= (uint8_t)((bytes[at + i] != 0) << i);
        bytes[at / 8] = bits;
    }
}

/* Let a column be as Arrow has it, and return how many of its rows are null. */
static int64_t finish_column(Column *column, int64_t rows) {
    int64_t nulls = 0;
    for (int64_t row = 0; row < rows; row++) nulls += !column->valid[row];
    if (column->encoding == PLAIN) {
        /* Ends become offsets: one more, the first is 0, and a null's text is empty. */
        int32_t *ends = column->values, before = 0;
        for (int64_t row = 0; row <= rows; row++) {
            int32_t end = row < rows && column->valid[row] ? ends[row] : before;
            ends[row] = before;
            before = end;
        }
    }
    pack(column->valid, rows);
    if (column->encoding == BOOLEAN) pack(column->values, rows);
    return nulls;
}

/* Let every column be as Arrow has it; nothing can be taken after that. Returns the rows, -1 where
 * there is no memory for them. What `finished` points to lives as long as the batch. */
EXPORTED int64_t tlstrail_finish(Batch *batch, Finished *finished) {
    if (setjmp(batch->refused)) return -1;
    make_room(batch); /* for the last offset */
    for (int32_t i = 0; i < batch->column_count; i++) {
        Column *column = &batch->columns[i];
        if (column->used_rows == 0) {
            finished[i] = (Finished){.nulls = batch->rows};
            continue;
        }
        const void *offsets = column->encoding == PLAIN ? column->values : column->offsets.bytes;
        finished[i] = (Finished){
            finish_column(column, batch->rows), column->valid, column->values,
            offsets, column->bytes.bytes, column->entries,
        };
    }
    return batch->rows;
}
