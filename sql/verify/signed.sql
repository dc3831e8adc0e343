-- Which signatures are to be checked: those that a successor states, or S3's metadata?
SELECT
    d.key,
    d.region,
    d.end_text,
    d.s3_bucket,
    d.s3_object,
    d.sha256,
    d.previous_signature,
    d.fingerprint,
    coalesce(s.signature, m.signature) AS signature
FROM digest_files AS d
LEFT JOIN successors AS s USING (key)
LEFT JOIN metadata_signatures AS m USING (key)
WHERE d.problem IS NULL AND NOT d.moved AND coalesce(s.signature, m.signature) IS NOT NULL
ORDER BY d.key
