-- Every (key, ETag) stands once in the ledger, with a status that exists, and why if it was left out.
SELECT key, etag, count(*) AS times, any_value(status) AS status
FROM objects
GROUP BY key, etag
HAVING count(*) <> 1
    OR any_value(status) NOT IN ('ingested', 'empty', 'skipped', 'refused', 'archived', 'missing')
    OR (any_value(status) <> 'ingested' AND any_value(reason) IS NULL)
