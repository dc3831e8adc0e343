-- What was looked at, and what became of it?
SELECT
    'digest' AS kind,
    verdict,
    account_id,
    region,
    digest_end AS delivered_at,
    digest_key AS key,
    NULL::VARCHAR AS digest_key
FROM digests
UNION ALL
SELECT 'log', verdict, account_id, region, delivered_at, key, digest_key
FROM digest_logs
UNION ALL
SELECT 'log', 'unlisted: in no digest', account_id, region, delivered_at, key, NULL
FROM unlisted
UNION ALL
SELECT 'gap', verdict, account_id, region, digest_start, digest_key, NULL
FROM gaps
