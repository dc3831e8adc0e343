-- Which host names were called with TLS 1.0 or 1.1?
--
-- The host header is what the client was told to call: an endpoint, a bucket, a name of its own.
SELECT
    tls_client_provided_host_header AS host,
    event_source,
    count(DISTINCT principal) AS principals,
    count(*) AS calls,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM attributed_events
WHERE is_legacy(tls_version)
GROUP BY host, event_source
ORDER BY calls DESC, host, event_source
