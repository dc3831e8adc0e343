-- Every (key, ETag) stands once in the ledger, with a status that exists, and why if it was left out.
SELECT key, etag, count(*) AS times, list(status) AS statuses
FROM objects
GROUP BY key, etag
HAVING count(*) <> 1
    OR bool_or(
        status IS NULL
        OR status NOT IN ('ingested', 'empty', 'skipped', 'refused', 'archived', 'missing')
        OR (status <> 'ingested' AND reason IS NULL)
    )
