-- In which accounts and Regions was TLS 1.0 or 1.1 used?
SELECT
    account_id,
    aws_region,
    count(DISTINCT event_source) AS services,
    count(DISTINCT principal) AS principals,
    total(records, true) AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM legacy_counts
GROUP BY account_id, aws_region
ORDER BY calls DESC, account_id, aws_region
