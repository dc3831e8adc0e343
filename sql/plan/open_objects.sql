-- Which of the objects in waiting has the ledger not settled: taken, or skipped for good?
--
-- The first join is of digests alone, so that its hash table is small: the ledger runs past it.
SELECT waiting.*
FROM waiting
ANTI JOIN (
    SELECT waiting.rowid AS settled
    FROM waiting
    SEMI JOIN (FROM seen WHERE NOT left_out) USING (key_digest, etag_hash)
) ON waiting.rowid = settled
