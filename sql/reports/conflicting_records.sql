-- Which event ids stand for records of different content?
--
-- CloudTrail gives each record an id of its own; where one stands for several records, all of
-- them are kept. Every id there is has to be looked at: hashes of 8 bytes first, and the ids
-- themselves only where a hash stands twice.
WITH repeated AS (
    SELECT hash(event_id) AS id_hash
    FROM events
    WHERE event_id IS NOT NULL
    GROUP BY id_hash
    HAVING count(*) > 1
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
