-- Which object keeps the record of each of wanted_ids(event_id)?
SELECT event_id, min(source_key) AS kept
FROM near_rows
WHERE event_id IN (FROM wanted_ids)
GROUP BY ALL
