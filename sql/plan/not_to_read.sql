-- Which listed objects are for the ledger only: no CloudTrail logs, or archived ones?
SELECT
    l.*,
    l.key IN (SELECT key FROM ledger) AS known
FROM listed AS l
ANTI JOIN ledger USING (key, etag)
WHERE l.skipped IS NOT NULL OR l.archived
ORDER BY l.key
