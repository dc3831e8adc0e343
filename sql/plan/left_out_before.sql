-- Which listed objects did an earlier run have to leave out, and are not asked for again?
SELECT key
FROM open_objects
SEMI JOIN (FROM seen WHERE left_out) USING (version_digest)
ANTI JOIN to_read USING (key)
ORDER BY key
