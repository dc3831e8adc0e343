-- Which listed objects are for the ledger only: no CloudTrail logs, or archived ones?
SELECT
    * EXCLUDE (key_digest, version_digest),
    key_digest IN (SELECT key_digest FROM seen) AS known
FROM open_objects
ANTI JOIN seen USING (version_digest)
WHERE skipped IS NOT NULL OR archived
ORDER BY key
