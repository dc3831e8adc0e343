-- What would it cost to restore the archived objects, by storage class and tier?
SELECT
    storage_class,
    tier,
    hours::DOUBLE AS hours,
    count(*) AS objects,
    sum(size)::BIGINT AS stored_bytes,
    round(count(*) / 1000 * any_value(usd_per_1000_objects), 6)::DOUBLE AS requests_usd,
    round(sum(size) / 1e9 * any_value(usd_per_gb), 6)::DOUBLE AS retrieval_usd
FROM plan.objects
INNER JOIN plan_restore_prices USING (storage_class)
WHERE archived AND skipped IS NULL
GROUP BY storage_class, tier, hours
ORDER BY storage_class, hours DESC
