-- Which log files has the lake read in the version that is there, with which SHA-256?
--
-- It is that of the text, which is what went into the lake; that nothing follows the gzip data,
-- an ingest has seen as well.
SELECT DISTINCT l.key, l.sha256, NULL::VARCHAR AS problem
FROM ledger AS l
SEMI JOIN archived_logs AS a ON a.key = l.key AND a.etag = l.etag
SEMI JOIN wanted_logs AS w ON w.key = l.key
