-- How much do the records of each Region say about TLS?
SELECT value AS aws_region, * EXCLUDE (value)
FROM coverage_by(aws_region)
ORDER BY records DESC, aws_region NULLS LAST
