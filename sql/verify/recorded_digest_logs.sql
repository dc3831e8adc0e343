-- Which log files do the lake's digests list after this?
SELECT account_id, region, delivered_at, key, sha256, digest_key, verdict
FROM digest_logs
UNION ALL BY NAME
SELECT *
FROM digest_logs_before
ANTI JOIN digest_logs USING (digest_key, key)
WHERE NOT in_scope(digest_key, account_id, region, delivered_at)
ORDER BY account_id, region, delivered_at, key, digest_key
