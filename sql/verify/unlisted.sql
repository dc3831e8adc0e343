-- Which log files lie in the archive, were delivered while a trail had digests, and are in none?
--
-- From the beginning of a trail's first digest to the end of its last, gaps included; the whole
-- minute of a delivery must lie in it. An object that is not named as CloudTrail names its logs
-- may be of any time of its day. Compared are the digests beside the same account's logs.
WITH covered AS (
    SELECT
        regexp_extract(key, '^(.*)CloudTrail-Digest/', 1) AS folder,
        account_id,
        region,
        min(digest_start) AS first_start,
        max(digest_end) AS last_end
    FROM digest_files
    WHERE problem IS NULL AND NOT moved
    GROUP BY folder, account_id, region, trail, home_region, backfill
),

here AS (
    SELECT
        *,
        regexp_extract(key, '^(.*)CloudTrail/', 1) AS folder,
        regexp_matches(key, '_\d{8}T\d{4}Z\w*\.json(\.gz)?$') AS tells_minute
    FROM archived_logs
)

SELECT h.account_id, h.region, h.delivered_at, h.key
FROM here AS h
SEMI JOIN covered AS c
    ON c.folder = h.folder
    AND c.account_id = h.account_id
    AND c.region = h.region
    AND CASE
        WHEN h.delivered_at IS NULL THEN TRUE
        WHEN h.tells_minute
            THEN h.delivered_at >= c.first_start
            AND h.delivered_at + INTERVAL 1 MINUTE <= c.last_end
        ELSE h.delivered_at < c.last_end AND h.delivered_at + INTERVAL 1 DAY > c.first_start
    END
ANTI JOIN listed_logs AS l ON l.key = h.key
