-- What is not valid?
FROM findings
WHERE verdict <> 'valid'
ORDER BY kind <> 'digest', kind <> 'gap', account_id, region, delivered_at, key, digest_key
