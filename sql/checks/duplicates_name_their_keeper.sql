-- An object of which duplicates were dropped names objects that keep them, and that have rows.
WITH keepers AS (
    SELECT DISTINCT key FROM objects WHERE status = 'ingested' AND records > duplicates
)
SELECT o.key, o.duplicates, o.keeper
FROM (SELECT key, duplicates, unnest(duplicate_of) AS keeper FROM objects) AS o
LEFT JOIN keepers ON o.keeper = keepers.key
WHERE keepers.key IS NULL OR o.duplicates = 0
UNION ALL
SELECT key, duplicates, NULL
FROM objects
WHERE duplicates > 0 AND len(duplicate_of) = 0
