-- Which listed objects are for the ledger only: no CloudTrail logs, or archived ones?
SELECT
    * EXCLUDE (key_digest, etag_hash),
    key_digest IN (SELECT key_digest FROM earlier) AS known
FROM open_objects
ANTI JOIN earlier USING (key_digest, etag_hash)
WHERE skipped IS NOT NULL OR archived
ORDER BY key
