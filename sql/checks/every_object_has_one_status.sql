-- Every (key, ETag) stands once in the ledger, with a status that exists, and why if it was left out.
--
-- Hashes are counted first: so many texts, each with its statuses, would take the memory of all.
WITH suspects AS (
    SELECT hash(key, etag) AS version_hash
    FROM objects
    GROUP BY version_hash
    HAVING count(*) > 1
)
SELECT key, etag, count(*) AS times, list(status) AS statuses
FROM (
    SELECT
        *,
        status IS NULL
            OR status NOT IN ('ingested', 'empty', 'skipped', 'refused', 'archived', 'missing')
            OR (status <> 'ingested' AND reason IS NULL) AS is_odd
    FROM objects
)
WHERE is_odd OR hash(key, etag) IN (FROM suspects)
GROUP BY key, etag
HAVING count(*) > 1 OR bool_or(is_odd)
