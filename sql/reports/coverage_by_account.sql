-- How much do the records of each account say about TLS?
SELECT value AS account_id, * EXCLUDE (value)
FROM coverage_by(account_id)
ORDER BY records DESC, account_id NULLS LAST
