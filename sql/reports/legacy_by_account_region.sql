-- In which accounts and Regions was TLS 1.0 or 1.1 used?
SELECT
    account_id,
    aws_region,
    count(DISTINCT event_source) AS services,
    count(DISTINCT principal) AS principals,
    count(*) AS calls,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM attributed_events
WHERE is_legacy(tls_version)
GROUP BY account_id, aws_region
ORDER BY calls DESC, account_id, aws_region
