-- Each object has as many rows as it had records, less the duplicates that were dropped of it.
SELECT key, o.records, o.duplicates, coalesce(e.in_lake, 0) AS in_lake
FROM (
    SELECT key, sum(records) AS records, sum(duplicates) AS duplicates FROM objects GROUP BY key
) AS o
FULL JOIN (
    SELECT source_key AS key, count(*) AS in_lake FROM event_rows GROUP BY source_key
) AS e USING (key)
WHERE coalesce(o.records, 0) - coalesce(o.duplicates, 0) <> coalesce(e.in_lake, 0)
