-- Which listed objects are to be read, in which order?
--
-- Those whose (key, ETag) the ledger does not know, or knows as one to be asked for again; in
-- the order of delivery, so that copies of a record come near each other. `known` says that the
-- ledger has rows of the key; `replaces`, that the lake has records of an earlier version.
SELECT
    l.*,
    l.key IN (SELECT key FROM ledger) AS known,
    l.key IN (SELECT key FROM ledger WHERE status IN ('ingested', 'empty')) AS replaces
FROM listed AS l
ANTI JOIN (FROM ledger WHERE NOT retry) AS settled USING (key, etag)
WHERE l.skipped IS NULL AND NOT l.archived
ORDER BY l.delivered_at, l.account_id, l.region, l.key
