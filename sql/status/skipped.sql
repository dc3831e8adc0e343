-- What was skipped because it is no CloudTrail log?
SELECT reason, count(*) AS objects, min(key) AS "for example"
FROM objects
WHERE status = 'skipped'
GROUP BY reason
ORDER BY objects DESC, reason
