-- What do the lake's digests say after this: the new rows, and the old ones out of its scope?
SELECT account_id, region, trail, home_region, backfill, digest_start, digest_end, digest_key,
    verdict, proof, log_files
FROM digests
UNION ALL BY NAME
SELECT *
FROM digests_before
ANTI JOIN digests USING (digest_key)
WHERE NOT in_scope(digest_key, account_id, region, digest_end)
ORDER BY account_id, region, trail, home_region, backfill, digest_end, digest_key
