-- Which services were called with TLS 1.0 or 1.1?
--
-- The sample query that CloudTrail Lake's console offers, with first and last seen beside it.
SELECT
    event_source,
    total(records, true) AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM legacy_counts
GROUP BY event_source
ORDER BY calls DESC, event_source
