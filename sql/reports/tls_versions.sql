-- How many calls were made with each TLS version, and when was it first and last seen?
SELECT
    tls_class(tls_version) AS class,
    tls_version,
    total(records, true) AS calls,
    round(100.0 * total(records, true) / sum(total(records, true)) OVER (), 2) AS percent,
    min(first_seen) AS first_seen,
    max(last_seen) AS last_seen
FROM version_counts
GROUP BY version_counts.tls_version
ORDER BY
    list_position(['legacy', 'unknown', 'modern', 'absent'], class),
    tls_version NULLS LAST
