-- On which days did CloudTrail deliver logs, for each account and Region?
--
-- Days are days of delivery; left_out are objects that were listed and could not be read.
SELECT
    account_id,
    region,
    CAST(delivered_at AS DATE) AS day,
    count(*) AS objects,
    count(*) FILTER (WHERE status NOT IN ('ingested', 'empty')) AS left_out,
    total(records, true) AS records
FROM delivered
WHERE (getvariable('since') IS NULL OR delivered_at >= getvariable('since'))
    AND (getvariable('until') IS NULL OR delivered_at < getvariable('until'))
GROUP BY account_id, region, day
ORDER BY account_id NULLS LAST, region NULLS LAST, day
