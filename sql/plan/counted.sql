-- How many objects are in listed_now, and from where?
SELECT
    account_id,
    region,
    count(*) AS listed,
    count(*) FILTER (skipped IS NOT NULL) AS skipped,
    count(*) FILTER (archived) AS archived,
    min(delivered_at) AS first_delivered,
    max(delivered_at) AS last_delivered
FROM listed_now
GROUP BY ALL
