-- How many listed objects did an earlier run have to leave out, and are not asked for again?
SELECT count(*)
FROM open_objects
SEMI JOIN (FROM earlier WHERE left_out) USING (key_digest, etag_hash)
ANTI JOIN to_read USING (key)
