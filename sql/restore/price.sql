-- What does it cost to restore the objects of archived, in one tier?
SELECT
    storage_class,
    count(*) AS objects,
    coalesce(sum(size), 0)::BIGINT AS stored_bytes,
    any_value(hours)::DOUBLE AS hours,
    round(
        count(*) / 1000 * any_value(usd_per_1000_objects)
        + sum(size) / 1e9 * any_value(usd_per_gb),
        6
    )::DOUBLE AS usd
FROM archived
LEFT JOIN (FROM restore_prices WHERE tier = $tier) USING (storage_class)
GROUP BY storage_class
ORDER BY storage_class
