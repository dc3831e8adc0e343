-- What does the plan need to know of the ledger's rows in ledger_now?
--
-- Digests of 128 bits stand for a key, and for a key with its ETag: the texts would take six times
-- the memory, and two that are confused are less likely than a disk that errs.
SELECT
    md5_number(key) AS key_digest,
    md5_number(key || chr(10) || etag) AS version_digest,
    status IN ('ingested', 'empty') AS taken,
    status IN ('refused', 'archived', 'missing') AS left_out,
    retry
FROM ledger_now
