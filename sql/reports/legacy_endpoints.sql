-- Which host names were called with TLS 1.0 or 1.1?
--
-- The host header is what the client was told to call: an endpoint, a bucket, a name of its own.
SELECT
    tls_client_provided_host_header AS host,
    event_source,
    count(DISTINCT principal) AS principals,
    total(records, true) AS calls,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM legacy_counts
GROUP BY host, event_source
ORDER BY calls DESC, host, event_source
