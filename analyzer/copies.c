/* Which rows of a batch, and of those before it, have an id that stands more than once: the part
 * of copies.py that is done for every row. */

#include "exported.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* The hashes of the ids of a batch, as Arrow lays them out; a row without an id is null. */
typedef struct {
    const uint64_t *hashes;
    const uint8_t *validity;
    int64_t offset;
    int64_t rows;
} Ids;

enum State { FREE, ONCE, REPEATED };

/* The ids of the batch that is compared, in open addressing: they are hashes already. */
typedef struct {
    uint64_t *ids;
    uint8_t *states;
    uint64_t mask;
} Table;

static bool has_id(const Ids *batch, int64_t row) {
    int64_t at = row + batch->offset;
    return !batch->validity || (batch->validity[at >> 3] >> (at & 7) & 1);
}

/* Where in the table an id is, or would be. */
static uint64_t place_of(const Table *table, uint64_t id) {
    uint64_t at = id & table->mask;
    while (table->states[at] != FREE && table->ids[at] != id) at = (at + 1) & table->mask;
    return at;
}

static bool make_table(Table *table, int64_t rows) {
    uint64_t places = 64;
    while (places < 2 * (uint64_t)rows) places *= 2;
    table->mask = places - 1;
    table->ids = malloc(places * sizeof(uint64_t));
    table->states = calloc(places, 1);
    return table->ids && table->states;
}

static void enter(Table *table, const Ids *batch) {
    for (int64_t row = 0; row < batch->rows; row++) {
        if (!has_id(batch, row)) continue;
        uint64_t id = batch->hashes[batch->offset + row], at = place_of(table, id);
        table->states[at] = table->states[at] == FREE ? ONCE : REPEATED;
        table->ids[at] = id;
    }
}

/* Mark the ids of the table that stand in a batch before, and note its rows that have them. */
static int64_t *compare(const Table *table, const Ids *batch, int64_t *noted) {
    for (int64_t row = 0; row < batch->rows; row++) {
        if (!has_id(batch, row)) continue;
        uint64_t at = place_of(table, batch->hashes[batch->offset + row]);
        if (table->states[at] == FREE) continue;
        table->states[at] = REPEATED;
        *noted++ = row;
    }
    return noted;
}

static int64_t *repeated_in(const Table *table, const Ids *batch, int64_t *noted) {
    for (int64_t row = 0; row < batch->rows; row++) {
        if (!has_id(batch, row)) continue;
        uint64_t at = place_of(table, batch->hashes[batch->offset + row]);
        if (table->states[at] == REPEATED) *noted++ = row;
    }
    return noted;
}

/* Note, for each of `batches`, which rows have an id that stands in the last one of them, and more
 * than once in all. `noted` has room for all rows; `counts` says how many there are of each batch.
 * Returns 0, or -1 where there is no memory. */
EXPORTED int64_t tlstrail_repeated(
    const Ids *batches, int64_t count, int64_t *noted, int64_t *counts
) {
    const Ids *last = batches + count - 1;
    Table table;
    bool made = make_table(&table, last->rows);
    if (made) {
        enter(&table, last);
        for (const Ids *batch = batches; batch <= last; batch++) {
            int64_t *before = noted;
            noted = batch < last ? compare(&table, batch, noted) : repeated_in(&table, batch, noted);
            counts[batch - batches] = noted - before;
        }
    }
    free(table.ids);
    free(table.states);
    return made ? 0 : -1;
}
