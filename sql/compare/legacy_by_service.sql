-- Which services were called with TLS 1.0 or 1.1, and how often?
SELECT
    event_source,
    count(*) AS calls
FROM events
WHERE is_legacy(tls_version)
GROUP BY ALL
ORDER BY ALL
