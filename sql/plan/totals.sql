-- What was listed, and what of it is to be read?
SELECT
    count(*) AS listed,
    count(*) FILTER (skipped IS NOT NULL) AS skipped,
    count(*) FILTER (archived) AS archived,
    (SELECT count(*) FROM to_read) AS to_read,
    (SELECT coalesce(sum(size), 0)::BIGINT FROM to_read) AS bytes_to_read,
    count(DISTINCT account_id) FILTER (skipped IS NULL) AS accounts,
    count(DISTINCT region) FILTER (skipped IS NULL) AS regions,
    min(delivered_at) AS first_delivered,
    max(delivered_at) AS last_delivered
FROM listed
