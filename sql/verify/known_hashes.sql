-- Which log files has the lake read, and what is the SHA-256 of their text?
SELECT DISTINCT key, etag, sha256
FROM objects
WHERE sha256 IS NOT NULL AND status IN ('ingested', 'empty')
