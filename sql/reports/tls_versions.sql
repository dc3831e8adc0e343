-- How many calls were made with each TLS version, and when was it first and last seen?
SELECT
    tls_class(tls_version) AS class,
    tls_version,
    count(*) AS calls,
    round(100.0 * count(*) / sum(count(*)) OVER (), 2) AS percent,
    min(event_time) AS first_seen,
    max(event_time) AS last_seen
FROM events
GROUP BY events.tls_version
ORDER BY
    list_position(['legacy', 'unknown', 'modern', 'absent'], class),
    tls_version NULLS LAST
