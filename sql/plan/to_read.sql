-- Which listed objects are to be read, in which order?
--
-- Those whose (key, ETag) the ledger does not know, or knows as one to be asked for again; in
-- the order of delivery, so that copies of a record come near each other. `known` says that the
-- ledger has rows of the key; `replaces`, that the lake has records of an earlier version.
SELECT
    * EXCLUDE (key_digest, etag_hash),
    key_digest IN (SELECT key_digest FROM earlier) AS known,
    key_digest IN (SELECT key_digest FROM earlier WHERE taken) AS replaces
FROM open_objects
ANTI JOIN (FROM earlier WHERE NOT retry) USING (key_digest, etag_hash)
WHERE skipped IS NULL AND NOT archived
ORDER BY delivered_at, account_id, region, key
