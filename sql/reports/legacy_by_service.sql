-- Which services were called with TLS 1.0 or 1.1?
--
-- The sample query that CloudTrail Lake's console offers, with first and last seen beside it.
SELECT
    event_source,
    count(*) AS calls,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM events
WHERE is_legacy(tls_version)
GROUP BY event_source
ORDER BY calls DESC, event_source
