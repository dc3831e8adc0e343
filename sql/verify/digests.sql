-- Is each digest valid, and what vouches for it?
--
-- A signature that could be checked decides; without one, the hash that the successor states.
-- A digest that a successor names and that is not there is a row too; where the archive was
-- narrowed down, only if it would be in scope.
SELECT
    d.account_id,
    d.region,
    d.trail,
    d.home_region,
    d.backfill,
    d.digest_start,
    coalesce(d.digest_end, d.named_end) AS digest_end,
    d.key AS digest_key,
    CASE
        WHEN d.problem IS NOT NULL THEN d.problem
        WHEN d.moved THEN 'INVALID: has been moved from its original location'
        WHEN c.verdict IS NOT NULL THEN c.verdict
        WHEN lower(s.hash) <> d.sha256 THEN 'INVALID: hash value doesn''t match'
        ELSE 'valid'
    END AS verdict,
    CASE
        WHEN c.verdict = 'valid' THEN 'signature'
        WHEN c.verdict IS NULL AND NOT d.moved AND lower(s.hash) = d.sha256 THEN 'hash'
        ELSE 'none'
    END AS proof,
    d.log_files
FROM digest_files AS d
LEFT JOIN successors AS s USING (key)
LEFT JOIN signatures AS c USING (key)
UNION ALL BY NAME
SELECT
    f.account_id,
    f.region,
    f.trail,
    f.home_region,
    f.backfill,
    NULL::TIMESTAMP AS digest_start,
    f.previous_end AS digest_end,
    s.key AS digest_key,
    'INVALID: not found' AS verdict,
    'none' AS proof,
    NULL::BIGINT AS log_files
FROM successors AS s
JOIN digest_files AS f ON f.key = s.successor
WHERE NOT EXISTS (FROM digest_files AS d WHERE d.key = s.key)
    AND (starts_with(s.key, getvariable('place')) OR f.previous_elsewhere)
    AND (
        getvariable('since') IS NULL
        OR f.previous_end IS NULL
        OR f.previous_end > getvariable('since')
    )
