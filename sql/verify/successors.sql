-- What does the digest after each digest say of it: its hash, and its signature?
SELECT
    previous_key AS key,
    key AS successor,
    previous_hash AS hash,
    previous_signature AS signature
FROM digest_files
WHERE previous_key IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY previous_key ORDER BY moved, digest_end, key) = 1
