-- On which days did CloudTrail deliver logs, and from how many accounts and Regions?
--
-- Days are days of delivery; left_out are objects that were listed and could not be read.
SELECT
    CAST(delivered_at AS DATE) AS day,
    count(*) AS objects,
    count(*) FILTER (WHERE status NOT IN ('ingested', 'empty')) AS left_out,
    count(DISTINCT (account_id, region)) AS accounts_and_regions
FROM delivered
WHERE (getvariable('since') IS NULL OR delivered_at >= getvariable('since'))
    AND (getvariable('until') IS NULL OR delivered_at < getvariable('until'))
GROUP BY day
ORDER BY day
