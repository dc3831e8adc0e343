-- Which object keeps the record of each of wanted_hashes(id_hash)?
SELECT hash(event_id) AS id_hash, min(source_key) AS kept
FROM near_rows
WHERE hash(event_id) IN (FROM wanted_hashes)
GROUP BY ALL
