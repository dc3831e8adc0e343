-- What does the plan need to know of the ledger's rows in ledger_now?
--
-- A digest of 128 bits stands for a key: the text would take six times the memory, and two that are
-- confused are less likely than a disk that errs. 64 bits are enough to tell the ETags of one key.
SELECT
    md5_number(key) AS key_digest,
    hash(etag) AS etag_hash,
    status IN ('ingested', 'empty') AS taken,
    status IN ('refused', 'archived', 'missing') AS left_out,
    retry
FROM ledger_now
