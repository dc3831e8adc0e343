-- How many calls were made in each month, by TLS version?
--
-- `unknown` is a value that is no version we know, `absent` is none; `calls` is all of them.
SELECT
    strftime(event_time, '%Y-%m') AS month,
    count(*) FILTER (WHERE tls_version = 'TLSv1') AS tls_1_0,
    count(*) FILTER (WHERE tls_version = 'TLSv1.1') AS tls_1_1,
    count(*) FILTER (WHERE tls_class(tls_version) = 'unknown') AS "unknown",
    count(*) FILTER (WHERE tls_version = 'TLSv1.2') AS tls_1_2,
    count(*) FILTER (WHERE tls_version = 'TLSv1.3') AS tls_1_3,
    count(*) FILTER (WHERE tls_class(tls_version) = 'absent') AS absent,
    count(*) AS calls
FROM events
GROUP BY ALL
ORDER BY month NULLS LAST
