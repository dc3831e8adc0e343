-- Which event ids stand for records of different content?
--
-- CloudTrail gives each record an id of its own; where one stands for several records, all of
-- them are kept.
SELECT
    event_id,
    count(*) AS records,
    min(event_time) AS event_time,
    list(DISTINCT source_key ORDER BY source_key) AS source_keys
FROM events
WHERE event_id IS NOT NULL
GROUP BY event_id
HAVING count(*) > 1
ORDER BY event_id
