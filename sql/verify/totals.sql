-- What was looked at, in figures?
SELECT
    (SELECT count(*) FROM digests) AS digests,
    (SELECT count(*) FROM digests WHERE verdict <> 'valid') AS digests_not_valid,
    (
        SELECT count(*)
        FROM (
            SELECT DISTINCT account_id, region, trail, home_region, backfill
            FROM digests
        )
    ) AS chains,
    (SELECT min(digest_start) FROM digests) AS covered_from,
    (SELECT max(digest_end) FROM digests) AS covered_to,
    (SELECT count(*) FROM digests WHERE verdict = 'valid' AND proof = 'signature')
        AS digests_signed,
    (SELECT count(*) FROM digests WHERE verdict = 'valid' AND proof = 'hash') AS digests_hashed,
    (SELECT count(*) FROM digests WHERE verdict = 'valid' AND proof = 'none')
        AS digests_without_proof,
    (SELECT count(*) FROM digest_logs) AS log_files,
    (SELECT count(*) FROM digest_logs WHERE verdict <> 'valid') AS log_files_not_valid,
    (
        SELECT count(*)
        FROM digest_logs
        SEMI JOIN (FROM digests WHERE verdict = 'valid' AND proof = 'none') AS d USING (digest_key)
    ) AS log_files_without_proof,
    (SELECT count(*) FROM unlisted) AS log_files_unlisted,
    (SELECT count(*) FROM gaps) AS gaps
