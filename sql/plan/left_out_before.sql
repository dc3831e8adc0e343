-- Which listed objects did an earlier run have to leave out, and are not asked for again?
SELECT key
FROM listed
SEMI JOIN (FROM ledger WHERE status IN ('refused', 'archived', 'missing')) USING (key, etag)
ANTI JOIN to_read USING (key, etag)
ORDER BY key
