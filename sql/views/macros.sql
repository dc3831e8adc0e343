-- What does a TLS version mean? One answer for every report.
--
-- CloudTrail writes TLS 1.0 as `TLSv1`. A value that is none of these (a placeholder, a bare
-- `1.3`) is unknown: never legacy, and never modern.
CREATE OR REPLACE TEMP MACRO is_legacy(version) AS version IN ('TLSv1', 'TLSv1.1');

CREATE OR REPLACE TEMP MACRO tls_class(version) AS
    CASE
        WHEN is_legacy(version) THEN 'legacy'
        WHEN version IN ('TLSv1.2', 'TLSv1.3') THEN 'modern'
        WHEN version IS NULL THEN 'absent'
        ELSE 'unknown'
    END;

-- What CloudTrail Lake's queries ask of maps and arrays: the value, or NULL.
CREATE OR REPLACE TEMP MACRO element_at(container, position) AS container[position];

-- The account of a record, by the rule of AWS's own processing library.
CREATE OR REPLACE TEMP MACRO account_of(recipient, caller, issuer) AS
    coalesce(recipient, caller, issuer);
