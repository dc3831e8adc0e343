-- How much do the records of each month say about TLS?
SELECT value AS month, * EXCLUDE (value)
FROM coverage_by(month)
ORDER BY month NULLS LAST
