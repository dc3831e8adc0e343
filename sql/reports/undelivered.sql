-- Which log files do the digests list that the lake has not read?
--
-- By account, Region and day of delivery; `not_found` of them are not in the archive either.
-- Empty until `tlstrail verify` has recorded what the digests say.
WITH listed AS (
    SELECT account_id, region, delivered_at, key, bool_or(verdict = 'INVALID: not found') AS gone
    FROM digest_logs
    GROUP BY ALL
),

read_before AS (
    SELECT DISTINCT key
    FROM objects
    WHERE status IN ('ingested', 'empty')
)

SELECT
    account_id,
    region,
    delivered_at::DATE AS day,
    count(*) AS log_files,
    count(*) FILTER (gone) AS not_found,
    min(key) AS "for example"
FROM listed
ANTI JOIN read_before USING (key)
GROUP BY ALL
ORDER BY account_id, region, day
