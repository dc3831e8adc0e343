-- What was looked at, and what became of each of it?
FROM findings
ORDER BY kind <> 'digest', kind <> 'gap', account_id, region, delivered_at, key, digest_key
