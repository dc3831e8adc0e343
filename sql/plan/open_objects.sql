-- Which of the objects in listed_now has the ledger not settled: taken, or skipped for good?
SELECT *, md5_number(key) AS key_digest
FROM (SELECT *, md5_number(key || chr(10) || etag) AS version_digest FROM listed_now) AS digested
ANTI JOIN (FROM seen WHERE NOT left_out) USING (version_digest)
