-- How many objects are in listed_now, from where, of which day and in which storage class?
SELECT
    account_id,
    region,
    storage_class,
    delivered_at::DATE AS delivered_on,
    count(*) AS listed,
    coalesce(sum(size), 0)::BIGINT AS bytes,
    count(*) FILTER (skipped IS NOT NULL) AS skipped,
    count(*) FILTER (archived AND skipped IS NULL) AS archived,
    min(delivered_at) AS first_delivered,
    max(delivered_at) AS last_delivered
FROM listed_now
GROUP BY ALL
