-- How much do the records of each record version say about TLS?
--
-- tlsDetails came with version 1.08.
SELECT value AS event_version, * EXCLUDE (value)
FROM coverage_by(event_version)
ORDER BY
    try_cast(split_part(event_version, '.', 1) AS INTEGER),
    try_cast(split_part(event_version, '.', 2) AS INTEGER),
    event_version NULLS LAST
