-- Which objects had records dropped because an object of changed_keys held the same ones?
--
-- They are read again together with it: the changed object may hold those records no longer.
SELECT key, etag, size, last_modified, storage_class, false AS archived, account_id, region,
    delivered_at, NULL AS skipped
FROM ledger
WHERE status = 'ingested'
    AND list_has_any(duplicate_of, (SELECT list(key) FROM changed_keys))
ORDER BY key
