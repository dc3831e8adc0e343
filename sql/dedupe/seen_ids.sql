-- Which event ids of a new part stand in near_rows too, or twice in the part itself?
SELECT event_id
FROM read_parquet(getvariable('new_part'), hive_partitioning = false) AS new_rows
WHERE event_id IS NOT NULL
GROUP BY event_id
HAVING count(*) > 1 OR event_id IN (SELECT event_id FROM near_rows)
