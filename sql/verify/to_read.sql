-- Which log files have to be read, in the order of their names?
SELECT *
FROM archived_logs
SEMI JOIN wanted_logs USING (key)
ANTI JOIN hashes USING (key)
WHERE NOT archived
ORDER BY key
