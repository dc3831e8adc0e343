-- What stands for every object, in order, where two lakes are compared by a fingerprint?
--
-- What depends on when and in which order objects were read is left out: times, parts, and which of
-- two identical records was kept.
SELECT unhex(sha256(json_array(key, etag, status, reason, records, sha256))) AS row_hash
FROM objects
ORDER BY row_hash
