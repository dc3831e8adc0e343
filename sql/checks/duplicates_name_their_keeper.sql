-- An object of which duplicates were dropped names the objects that keep them, all in the lake.
SELECT o.key, o.duplicates, keeper.key AS keeper
FROM (SELECT key, duplicates, unnest(duplicate_of) AS keeper FROM objects) AS o
FULL JOIN (SELECT DISTINCT key FROM objects WHERE status = 'ingested') AS keeper
    ON o.keeper = keeper.key
WHERE o.key IS NOT NULL AND (keeper.key IS NULL OR o.duplicates = 0)
UNION ALL
SELECT key, duplicates, NULL
FROM objects
WHERE duplicates > 0 AND len(duplicate_of) = 0
