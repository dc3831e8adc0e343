-- Which principals called with TLS 1.0 or 1.1, and how often?
SELECT
    account_id,
    principal,
    count(*) AS calls
FROM attributed_events
WHERE is_legacy(tls_version)
GROUP BY ALL
ORDER BY ALL
