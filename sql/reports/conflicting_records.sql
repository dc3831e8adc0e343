-- Which event ids stand for records of different content?
--
-- CloudTrail gives each record an id of its own; where one stands for several records, all of
-- them are kept. Every id there is has to be looked at: hashes of 6 bytes first, then the ids
-- that have a hash in common, and the records only of an id that does stand twice. The hashes are
-- sorted, so that twins are neighbours: a group for each hash would take many times the memory.
-- They are of two columns because DuckDB sorts keys of 8 bytes in half the memory of longer ones,
-- and adds a byte to each column.
WITH sorted AS (
    SELECT
        (hash(event_id) >> 32)::UINTEGER AS high,
        (hash(event_id) & 65535)::USMALLINT AS low
    FROM events
    WHERE event_id IS NOT NULL
    ORDER BY high, low
),
shared_hashes AS (
    SELECT high
    FROM (
        SELECT high, low, lag(high) OVER () AS high_before, lag(low) OVER () AS low_before
        FROM sorted
    )
    WHERE high = high_before AND low = low_before
),
repeated AS (
    SELECT event_id
    FROM events
    WHERE (hash(event_id) >> 32)::UINTEGER IN (FROM shared_hashes)
    GROUP BY event_id
    HAVING count(*) > 1
)
SELECT
    event_id,
    count(*) AS records,
    min(event_time) AS event_time,
    list(DISTINCT source_key ORDER BY source_key) AS source_keys
FROM events
WHERE event_id IN (FROM repeated)
GROUP BY event_id
ORDER BY event_id
