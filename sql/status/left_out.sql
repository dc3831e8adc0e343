-- Which objects are not in the lake, and why?
SELECT status, reason, key, size AS stored_bytes, delivered_at, ingested_at AS seen_at
FROM objects
WHERE status IN ('refused', 'archived', 'missing')
ORDER BY status, reason, key
