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

#include "batch.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { DEEPEST = 1000 };

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

/* -------------------------------------------------------------------- values that are only kept */

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

/* --------------------------------------------------------------------- what fits into no column */

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

/* -------------------------------------------------------------------------------------- records */

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

/* --------------------------------------------------------------------- objects that stand often */

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
        const KnownValue *value = &known->values[i];
        set_entry(batch, &batch->columns[value->column], value->entry);
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
    for (batch->rows = first; batch->rows < rows; batch->rows++)
        set_entry(batch, keys, entry);
}

/* ------------------------------------------------------------------------ what flatten.py calls */

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
