-- What does the ingest come to: objects, bytes, events, time, requests and their price?
WITH reading AS (
    SELECT
        count(*) AS objects,
        coalesce(sum(size), 0)::BIGINT AS bytes,
        coalesce(sum(CASE WHEN key LIKE '%.gz' THEN size * $gzip_ratio ELSE size END), 0) AS json
    FROM to_read
),

found AS (
    SELECT
        count(DISTINCT account_id) FILTER (listed > skipped) AS accounts,
        count(DISTINCT region) FILTER (listed > skipped) AS regions,
        count(DISTINCT delivered_on) FILTER (listed > skipped) AS days,
        min(delivered_on) FILTER (listed > skipped) AS first_day,
        max(delivered_on) FILTER (listed > skipped) AS last_day,
        coalesce(sum(listed), 0)::BIGINT AS listed,
        coalesce(sum(skipped), 0)::BIGINT AS skipped,
        coalesce(sum(archived), 0)::BIGINT AS archived
    FROM plan.counted
),

requests AS (
    SELECT
        price_region,
        $lists / 1000 * usd_per_1000_lists AS list_usd
    FROM plan_prices
    WHERE
        storage_class = 'STANDARD'
        AND price_region = coalesce(
            (SELECT any_value(price_region) FROM plan_prices WHERE price_region = $price_region),
            'us-east-1'
        )
)

SELECT
    accounts,
    regions,
    days,
    first_day,
    last_day,
    listed AS objects,
    skipped,
    archived,
    listed - skipped - archived - reading.objects AS in_lake,
    reading.objects AS to_read,
    reading.bytes AS bytes_to_read,
    json::BIGINT AS json_bytes,
    floor(json / $event_bytes)::BIGINT AS events,
    (reading.bytes * $lake_ratio)::BIGINT AS lake_bytes,
    round((json / $json_bytes_per_second + reading.objects * $object_seconds) / $workers, 1)::DOUBLE
        AS seconds,
    $workers AS workers,
    $lists AS list_requests,
    reading.objects AS get_requests,
    price_region,
    round(list_usd, 6)::DOUBLE AS list_usd,
    round((SELECT coalesce(sum(get_usd), 0) FROM by_class), 6)::DOUBLE AS get_usd,
    round((SELECT coalesce(sum(retrieval_usd), 0) FROM by_class), 6)::DOUBLE AS retrieval_usd
FROM reading, found, requests
