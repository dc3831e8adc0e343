-- Which records are asked about: the lake's, narrowed to accounts, Regions and times?
--
-- event_rows is every record that was committed; the variables are unset where nothing was
-- narrowed down. `until` is exclusive.
CREATE OR REPLACE TEMP VIEW events AS
SELECT *
FROM event_rows
WHERE (
        getvariable('accounts') IS NULL
        OR list_contains(
            getvariable('accounts'),
            account_of(
                recipient_account_id,
                user_identity_account_id,
                user_identity_session_issuer_account_id
            )
        )
    )
    AND (getvariable('regions') IS NULL OR list_contains(getvariable('regions'), aws_region))
    AND (getvariable('since') IS NULL OR event_time >= getvariable('since'))
    AND (getvariable('until') IS NULL OR event_time < getvariable('until'));
