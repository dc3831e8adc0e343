/* A batch: the columns that records become, and the log that is being read. `columns.c` holds
 * what has been read, `flatten.c` reads; nobody else includes this. */

#ifndef BATCH_H
#define BATCH_H

#include "exported.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DEEPEST_SHAPE = 8 };

/* -------------------------------------------------------------------- what flatten.py knows too */

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

/* ------------------------------------------------------------------------------------- a column */

typedef struct {
    uint8_t *bytes;
    int64_t length;
    int64_t room;
} Buffer;

typedef struct {
    uint32_t hash;    /* half of one: small slots stay near the processor */
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
enum { KNOWN_OBJECTS = 512, KNOWN_TEXT = 1016, KNOWN_VALUES = 32 };

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

/* -------------------------------------------------------------------------- bytes, many at once */

typedef uint8_t Vector __attribute__((vector_size(16)));

static inline Vector vector_at(const uint8_t *at) {
    Vector vector;
    memcpy(&vector, at, 16);
    return vector;
}

static inline uint64_t word_at(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static inline uint32_t half_word_at(const uint8_t *at) {
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* Whether two texts of one length are the same. They nearly always are, so longer ones are
 * compared to their end. */
static inline bool same(const uint8_t *one, const uint8_t *other, int64_t length) {
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

/* -------------------------------------------------------------------------- what columns.c does */

/* Leave what is being done, for tlstrail_take or tlstrail_finish to return. */
_Noreturn void refuse(Batch *batch, int64_t reason);

/* Make room for `more` bytes, and return where they go. */
uint8_t *reserve(Batch *batch, Buffer *buffer, int64_t more);
void append(Batch *batch, Buffer *buffer, const void *bytes, int64_t length);
void append_byte(Batch *batch, Buffer *buffer, uint8_t byte);

/* Make room for one more row in every column that has a value. */
void make_room(Batch *batch);

/* Take back what has been added from row `rows` on; entries of a dictionary stay. */
void truncate_rows(Column *column, int64_t rows);

/* A 64-bit hash, the same for the same text and seed on the same machine. */
uint64_t hash_of(const uint8_t *text, int64_t length, uint64_t seed);

int32_t add_entry(Batch *batch, Column *column, const uint8_t *text, int64_t length);

static inline bool has_row(const Batch *batch, const Column *column) {
    return column->used_rows > batch->rows;
}

/* Let the current row of a column have a value. */
void set_text(Batch *batch, Column *column, const uint8_t *text, int64_t length);
void set_entry(Batch *batch, Column *column, int32_t entry);
void set_word(Batch *batch, Column *column, uint64_t word);
void set_flag(Batch *batch, Column *column, bool flag);

#endif
