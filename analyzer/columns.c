/* The columns of a batch: their memory, their dictionaries, and how Arrow reads them in place. */

#include "batch.h"

#include <stdlib.h>

/* --------------------------------------------------------------------------------------- memory */

_Noreturn void refuse(Batch *batch, int64_t reason) {
    batch->refusal.reason = reason;
    longjmp(batch->refused, 1);
}

uint8_t *reserve(Batch *batch, Buffer *buffer, int64_t more) {
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

void append(Batch *batch, Buffer *buffer, const void *bytes, int64_t length) {
    uint8_t *to = reserve(batch, buffer, length);
    if (length) memcpy(to, bytes, (size_t)length);
    buffer->length += length;
}

void append_byte(Batch *batch, Buffer *buffer, uint8_t byte) {
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

void make_room(Batch *batch) {
    if (batch->rows < batch->room) return;
    int64_t room = batch->room ? 2 * batch->room : 1024;
    for (int32_t i = 0; i < batch->column_count; i++) {
        Column *column = &batch->columns[i];
        if (column->valid) resize_column(batch, column, batch->room, room);
    }
    batch->room = room;
}

void truncate_rows(Column *column, int64_t rows) {
    if (column->used_rows <= rows) return;
    memset(column->valid + rows, 0, (size_t)(column->used_rows - rows));
    while (rows > 0 && !column->valid[rows - 1]) rows--;
    column->used_rows = rows;
    if (column->encoding == PLAIN)
        column->bytes.length = rows ? ((int32_t *)column->values)[rows - 1] : 0;
}

/* Say that the current row of a column has a value, for which there is room then. */
static void open_row(Batch *batch, Column *column) {
    if (!column->valid) resize_column(batch, column, 0, batch->room);
    column->valid[batch->rows] = 1;
    column->used_rows = batch->rows + 1;
}

/* Where the bytes of a column end, as Arrow's offsets say it. */
static int32_t end_of(Batch *batch, const Column *column) {
    if (column->bytes.length > INT32_MAX) refuse(batch, TOO_MANY_BYTES);
    return (int32_t)column->bytes.length;
}

/* --------------------------------------------------------------------------------- dictionaries */

static uint64_t mixed(uint64_t one, uint64_t other) {
    __uint128_t product = (__uint128_t)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static const uint64_t HASH_KEYS[] = {0x9E3779B97F4A7C15u, 0xE7037ED1A0B428DBu};

/* Fold the 16 bytes at `text` into a hash. */
static uint64_t hashed_on(uint64_t hash, const uint8_t *text) {
    return mixed(word_at(text) ^ HASH_KEYS[0] ^ hash, word_at(text + 8) ^ HASH_KEYS[1]);
}

/* In the manner of wyhash: multiply, and fold the halves of the product. Long texts are hashed
 * in four strands, because a multiplication takes longer than it keeps the unit busy. */
uint64_t hash_of(const uint8_t *text, int64_t length, uint64_t seed) {
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

int32_t add_entry(Batch *batch, Column *column, const uint8_t *text, int64_t length) {
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
    uint32_t hash = (uint32_t)hash_of(text, length, batch->seed);
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

void set_entry(Batch *batch, Column *column, int32_t entry) {
    open_row(batch, column);
    ((int32_t *)column->values)[batch->rows] = entry;
}

void set_text(Batch *batch, Column *column, const uint8_t *text, int64_t length) {
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

void set_word(Batch *batch, Column *column, uint64_t word) {
    open_row(batch, column);
    batch->noting = false;
    ((uint64_t *)column->values)[batch->rows] = word;
}

void set_flag(Batch *batch, Column *column, bool flag) {
    open_row(batch, column);
    batch->noting = false;
    ((uint8_t *)column->values)[batch->rows] = flag;
}

/* ------------------------------------------------------------------------ what flatten.py calls */

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
