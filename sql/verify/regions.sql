-- Whose keys signed the digests, and since when?
SELECT region, min(digest_start) AS since
FROM digest_files
WHERE problem IS NULL
GROUP BY region
ORDER BY region
