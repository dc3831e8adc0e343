-- What became of the objects that were ever listed?
SELECT
    status,
    count(*) AS objects,
    coalesce(sum(size), 0)::BIGINT AS stored_bytes,
    sum(records)::BIGINT AS records,
    sum(duplicates)::BIGINT AS duplicates,
    min(delivered_at) AS first_delivered,
    max(delivered_at) AS last_delivered
FROM objects
GROUP BY status
ORDER BY list_position(['ingested', 'empty', 'skipped', 'refused', 'archived', 'missing'], status)
