-- Which storage classes are the objects in, and what does it cost to read those to be read?
-- NULL: nobody has put the price of that class into `prices`.
WITH reading AS (
    SELECT storage_class, count(*) AS to_read, sum(size)::BIGINT AS bytes_to_read
    FROM to_read
    GROUP BY storage_class
),

prices AS (
    SELECT *
    FROM plan_prices
    WHERE price_region IN ('us-east-1', $price_region)
    QUALIFY row_number() OVER (
        PARTITION BY storage_class ORDER BY price_region = $price_region DESC
    ) = 1
)

SELECT
    storage_class,
    sum(listed)::BIGINT AS objects,
    sum(bytes)::BIGINT AS stored_bytes,
    sum(archived)::BIGINT AS archived,
    coalesce(any_value(to_read), 0) AS to_read,
    coalesce(any_value(bytes_to_read), 0) AS bytes_to_read,
    CASE
        WHEN count(to_read) = 0 THEN 0
        ELSE round(any_value(to_read / 1000 * usd_per_1000_gets), 6)
    END::DOUBLE AS get_usd,
    CASE
        WHEN count(to_read) = 0 THEN 0
        ELSE round(any_value(bytes_to_read / 1e9 * usd_per_gb_read), 6)
    END::DOUBLE AS retrieval_usd
FROM plan.counted
LEFT JOIN reading USING (storage_class)
LEFT JOIN prices USING (storage_class)
WHERE storage_class <> ''
GROUP BY storage_class
ORDER BY objects DESC, storage_class
