-- What was listed, and what of it is to be read?
SELECT
    coalesce(sum(listed), 0)::BIGINT AS listed,
    coalesce(sum(skipped), 0)::BIGINT AS skipped,
    coalesce(sum(archived), 0)::BIGINT AS archived,
    (SELECT count(*) FROM to_read) AS to_read,
    (SELECT coalesce(sum(size), 0)::BIGINT FROM to_read) AS bytes_to_read,
    count(DISTINCT account_id) FILTER (listed > skipped) AS accounts,
    count(DISTINCT region) FILTER (listed > skipped) AS regions,
    min(first_delivered) FILTER (listed > skipped) AS first_delivered,
    max(last_delivered) FILTER (listed > skipped) AS last_delivered
FROM plan.counted
