-- Is each log file that a digest lists there, and as the digest says?
--
-- The word of a digest that is not valid itself proves nothing.
SELECT
    w.account_id,
    w.region,
    w.delivered_at,
    w.key,
    w.sha256,
    w.digest_key,
    CASE
        WHEN a.key IS NULL THEN 'INVALID: not found'
        WHEN h.problem IS NOT NULL THEN h.problem
        WHEN h.key IS NULL
            THEN 'not read: in storage class ' || a.storage_class || '; restore it first'
        WHEN h.sha256 <> w.sha256 THEN 'INVALID: hash value doesn''t match'
        WHEN d.verdict <> 'valid' THEN 'unproven: its digest is not valid'
        ELSE 'valid'
    END AS verdict
FROM wanted_logs AS w
LEFT JOIN archived_logs AS a USING (key)
LEFT JOIN hashes AS h USING (key)
JOIN digests AS d USING (digest_key)
