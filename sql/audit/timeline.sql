-- How many calls were made in each month, by TLS version?
--
-- `unknown` is a value that is no version we know, `absent` is none; `calls` is all of them.
SELECT
    month,
    total(records, tls_version = 'TLSv1') AS tls_1_0,
    total(records, tls_version = 'TLSv1.1') AS tls_1_1,
    total(records, tls_class(tls_version) = 'unknown') AS "unknown",
    total(records, tls_version = 'TLSv1.2') AS tls_1_2,
    total(records, tls_version = 'TLSv1.3') AS tls_1_3,
    total(records, tls_class(tls_version) = 'absent') AS absent,
    total(records, true) AS calls
FROM (
    SELECT month, tls_version, total(records, true) AS records
    FROM version_counts
    GROUP BY ALL
)
GROUP BY month
ORDER BY month NULLS LAST
