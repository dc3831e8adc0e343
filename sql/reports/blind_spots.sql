-- Which services never said anything about TLS in this archive, though their records could have?
--
-- What calls them with old TLS cannot be seen here.
SELECT
    event_source,
    total(records, true) AS records,
    total(records, could_tell_tls(class)) AS could_tell
FROM (
    SELECT event_source, class, total(records, true) AS records
    FROM record_counts
    GROUP BY ALL
)
GROUP BY event_source
HAVING could_tell > 0 AND NOT bool_or(has_tls_details(class))
ORDER BY could_tell DESC, event_source
