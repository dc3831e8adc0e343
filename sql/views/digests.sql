-- Which digests are asked about: those that `verify` met, narrowed to accounts, Regions and times?
--
-- A digest belongs to a time that it covers any moment of.
CREATE OR REPLACE TEMP VIEW digests AS
SELECT *
FROM digest_rows
WHERE (getvariable('accounts') IS NULL OR list_contains(getvariable('accounts'), account_id))
    AND (getvariable('regions') IS NULL OR list_contains(getvariable('regions'), region))
    AND (getvariable('since') IS NULL OR digest_end > getvariable('since'))
    AND (
        getvariable('until') IS NULL
        OR coalesce(digest_start, digest_end) < getvariable('until')
    );
