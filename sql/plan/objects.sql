-- What is to become of the objects in open_objects of these days, in the order of delivery?
--
-- 'read' are logs whose (key, ETag) the ledger does not know, or knows as one to be asked for again.
-- 'recorded' are those that only the ledger has to learn of: no CloudTrail logs, or archived ones.
-- 'left out' were so before, and have not changed. The order lets copies of a record come near each
-- other. `known` says that the ledger has rows of the key; `replaces`, that the lake has records of
-- an earlier version.
WITH versions AS (
    SELECT key_digest, etag_hash, bool_or(left_out) AS left_out, bool_and(retry) AS retry
    FROM earlier
    GROUP BY key_digest, etag_hash
)

SELECT
    open_objects.* EXCLUDE (key_digest, etag_hash),
    key_digest IN (SELECT key_digest FROM earlier) AS known,
    key_digest IN (SELECT key_digest FROM earlier WHERE taken) AS replaces,
    CASE
        WHEN skipped IS NULL AND NOT archived AND coalesce(retry, true) THEN 'read'
        WHEN retry IS NULL THEN 'recorded'
        WHEN left_out THEN 'left out'
    END AS becomes
FROM plan.open_objects AS open_objects
LEFT JOIN versions USING (key_digest, etag_hash)
WHERE coalesce(delivered_at::DATE, 'infinity') BETWEEN $first_day::DATE AND $last_day::DATE
ORDER BY delivered_at, account_id, region, key
