-- Which accounts and Regions are the logs from, of which days, and how many are to be read?
WITH reading AS (
    SELECT account_id, region, count(*) AS to_read, sum(size)::BIGINT AS bytes_to_read
    FROM to_read
    GROUP BY account_id, region
),

logs AS (
    SELECT
        account_id,
        region,
        count(DISTINCT delivered_on) AS days,
        min(delivered_on) AS first_day,
        max(delivered_on) AS last_day,
        (sum(listed) - sum(skipped))::BIGINT AS objects,
        sum(bytes)::BIGINT AS stored_bytes,
        sum(archived)::BIGINT AS archived
    FROM plan.counted
    WHERE listed > skipped
    GROUP BY account_id, region
)

SELECT logs.*, coalesce(to_read, 0) AS to_read, coalesce(bytes_to_read, 0) AS bytes_to_read
FROM logs
LEFT JOIN reading
    ON logs.account_id IS NOT DISTINCT FROM reading.account_id
    AND logs.region IS NOT DISTINCT FROM reading.region
ORDER BY ALL
