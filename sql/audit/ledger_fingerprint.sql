-- By which fingerprint is it seen that two lakes were made from the same objects?
--
-- sha256 over the sorted sha256 of every object's row. What depends on when and in which order
-- objects were read is left out: times, parts, and which of two identical records was kept.
-- Rows are hashed in 256 groups, by the first two digits, so that no text grows beyond measure.
WITH hashed AS (
    SELECT sha256(json_array(key, etag, status, reason, records, sha256)) AS row_hash
    FROM objects
),
grouped AS (
    SELECT
        row_hash[:2] AS first_digits,
        sha256(string_agg(row_hash, '' ORDER BY row_hash)) AS group_hash
    FROM hashed
    GROUP BY first_digits
)
SELECT sha256(coalesce(string_agg(group_hash, '' ORDER BY first_digits), '')) AS fingerprint
FROM grouped
