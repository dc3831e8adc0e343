-- Is something that an earlier run recorded in the scope of this one?
CREATE OR REPLACE MACRO in_scope(key, account, area, moment) AS
    starts_with(key, getvariable('place'))
    AND (getvariable('accounts') IS NULL OR list_contains(getvariable('accounts'), account))
    AND (getvariable('regions') IS NULL OR list_contains(getvariable('regions'), area))
    AND (
        getvariable('since') IS NULL
        OR moment IS NULL
        OR moment + INTERVAL 1 MINUTE > getvariable('since')
    )
    AND (getvariable('until') IS NULL OR moment IS NULL OR moment < getvariable('until'));
