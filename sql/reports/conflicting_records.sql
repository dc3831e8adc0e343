-- Which event ids stand for records of different content?
--
-- CloudTrail gives each record an id of its own; where one stands for several records, all of
-- them are kept. Every id there is has to be looked at: hashes of 8 bytes first, and the ids
-- themselves only where a hash stands twice. The hashes are sorted, so that twins are neighbours:
-- a group for each hash would take four times the memory.
WITH sorted AS (
    SELECT hash(event_id) AS id_hash
    FROM events
    WHERE event_id IS NOT NULL
    ORDER BY id_hash
),
repeated AS (
    SELECT id_hash
    FROM (SELECT id_hash, lag(id_hash) OVER () AS before FROM sorted)
    WHERE id_hash = before
)
SELECT
    event_id,
    count(*) AS records,
    min(event_time) AS event_time,
    list(DISTINCT source_key ORDER BY source_key) AS source_keys
FROM events
WHERE hash(event_id) IN (FROM repeated)
GROUP BY event_id
HAVING count(*) > 1
ORDER BY event_id
