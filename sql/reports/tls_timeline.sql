-- How many calls were made with each TLS version, day by day?
--
-- One row for a day and a version that was seen on it; months add up from their days.
SELECT
    strftime(day, '%Y-%m') AS month,
    day,
    tls_class(tls_version) AS class,
    tls_version,
    calls
FROM (
    SELECT event_time::DATE AS day, tls_version, count(*) AS calls
    FROM events
    GROUP BY ALL
)
ORDER BY
    day NULLS LAST,
    list_position(['legacy', 'unknown', 'modern', 'absent'], class),
    tls_version NULLS LAST
