-- How much do the records of each service say about TLS?
SELECT value AS event_source, * EXCLUDE (value)
FROM coverage_by(event_source)
ORDER BY records DESC, event_source NULLS LAST
