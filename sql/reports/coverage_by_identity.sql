-- How much do the records of each type of caller say about TLS?
SELECT value AS user_identity_type, * EXCLUDE (value)
FROM coverage_by(user_identity_type)
ORDER BY records DESC, user_identity_type NULLS LAST
