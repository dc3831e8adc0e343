-- What does a TLS version mean? One answer for every report.
--
-- CloudTrail writes TLS 1.0 as `TLSv1`. A value that is none of these (a placeholder, a bare
-- `1.3`) is unknown: never legacy, and never modern. The range says nothing that the list does
-- not: DuckDB holds a row against it before the row's other columns are made, and against a list
-- only afterwards.
CREATE OR REPLACE TEMP MACRO is_legacy(version) AS
    version BETWEEN 'TLSv1' AND 'TLSv1.1' AND version IN ('TLSv1', 'TLSv1.1');

CREATE OR REPLACE TEMP MACRO is_modern(version) AS version IN ('TLSv1.2', 'TLSv1.3');

CREATE OR REPLACE TEMP MACRO tls_class(version) AS
    CASE
        WHEN is_legacy(version) THEN 'legacy'
        WHEN is_modern(version) THEN 'modern'
        WHEN version IS NULL THEN 'absent'
        ELSE 'unknown'
    END;

-- Whether a record is of a format that had no tlsDetails yet; they came with 1.08. The two
-- numbers are compared as numbers, as AWS asks for: 1.10 is after 1.08.
CREATE OR REPLACE TEMP MACRO is_before_tls_details(event_version) AS
    (
        try_cast(split_part(event_version, '.', 1) AS INTEGER),
        try_cast(split_part(event_version, '.', 2) AS INTEGER)
    ) < (1, 8);

-- Every class of classified_events, in the order in which answers show them.
CREATE OR REPLACE TEMP MACRO classes() AS [
    'legacy',
    'modern',
    'unknown value',
    'absent: unexplained',
    'absent: record version before 1.08',
    'absent: an AWS service called on your behalf',
    'absent: console',
    'not applicable'
];

-- The classes that say with which TLS version a call was made; those of records that could
-- have, since a client that is not AWS's own called and the record has room for it; and those of
-- records that have tlsDetails at all.
CREATE OR REPLACE TEMP MACRO tells_tls(class) AS class IN ('legacy', 'modern');

CREATE OR REPLACE TEMP MACRO could_tell_tls(class) AS
    class IN ('legacy', 'modern', 'unknown value', 'absent: unexplained');

CREATE OR REPLACE TEMP MACRO has_tls_details(class) AS
    class IN ('legacy', 'modern', 'unknown value');

-- Coverage: of the records that could tell, the share that do. Rounded down, so that 100 means
-- all; NULL where no record could.
CREATE OR REPLACE TEMP MACRO coverage_of(telling, could_tell) AS
    floor(10000.0 * telling / nullif(could_tell, 0)) / 100;

-- A sum of counts, as a whole number; of no row it is 0.
CREATE OR REPLACE TEMP MACRO total(counts, counted) AS
    CAST(coalesce(sum(counts) FILTER (WHERE counted), 0) AS BIGINT);

-- What CloudTrail Lake's queries ask of maps and arrays: the value, or NULL.
CREATE OR REPLACE TEMP MACRO element_at(container, place) AS container[place];

-- The account of a record, by the rule of AWS's own processing library.
CREATE OR REPLACE TEMP MACRO account_of(recipient, caller, issuer) AS
    coalesce(recipient, caller, issuer);

-- Whether a caller still called in the last week that there are records of.
CREATE OR REPLACE TEMP MACRO is_active(last_seen, last_record) AS
    last_seen > last_record - INTERVAL 7 DAY;

CREATE OR REPLACE TEMP MACRO is_ip(text) AS
    regexp_full_match(text, '(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)')
    OR regexp_full_match(text, '[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}');

-- The networks of RFC 1918, 6598 and 4193, loopback and link-local ones.
CREATE OR REPLACE TEMP MACRO is_private_ip(ip) AS
    regexp_matches(ip, '^(?:10|127|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\.')
    OR regexp_matches(ip, '^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.')
    OR regexp_matches(lower(ip), '^(?:f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)');

-- What kind of place a call came from. CloudTrail also writes service names and `AWS Internal`:
-- https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
CREATE OR REPLACE TEMP MACRO ip_kind(ip) AS
    CASE
        WHEN ip IS NULL THEN 'absent'
        WHEN ip ILIKE 'AWS Internal%' THEN 'AWS Internal'
        WHEN regexp_matches(ip, '^[A-Za-z0-9.-]+\.amazonaws\.com(?:\.cn)?$') THEN 'AWS service'
        WHEN NOT is_ip(ip) THEN 'other'
        WHEN is_private_ip(ip) THEN 'private'
        ELSE 'public'
    END;

-- Whether a recorded session stays secret when the server's key is lost one day: the suites of
-- TLS 1.3 and those that begin with ECDHE or DHE, in OpenSSL's and in IANA's names. NULL for
-- what is no cipher suite.
CREATE OR REPLACE TEMP MACRO forward_secrecy(suite) AS
    CASE
        WHEN regexp_matches(suite, '^(?:TLS_)?(?:ECDHE|DHE|EDH)[-_]|^TLS_(?:AES|CHACHA20|SM4)_') THEN true
        WHEN regexp_matches(suite, 'AES|CHACHA20|CAMELLIA|ARIA|SEED|IDEA|DES|RC4|NULL') THEN false
    END;

-- What RFC 9325 (BCP 195), sections 4.1 and 4.2, holds against a cipher suite; NULL: nothing.
-- https://www.rfc-editor.org/rfc/rfc9325.html
CREATE OR REPLACE TEMP MACRO cipher_weakness(suite) AS
    CASE
        WHEN forward_secrecy(suite) IS NULL THEN NULL
        WHEN regexp_matches(suite, '(?:^|[-_])NULL') THEN 'no encryption'
        WHEN regexp_matches(suite, '^EXP|EXPORT') THEN 'export grade'
        WHEN suite LIKE '%RC4%' THEN 'RC4'
        WHEN regexp_matches(suite, '(?:^|[-_])3?DES[-_]') THEN 'DES or 3DES'
        WHEN suite LIKE '%MD5' THEN 'MD5'
        WHEN NOT forward_secrecy(suite) THEN 'no forward secrecy'
        WHEN NOT regexp_matches(suite, 'GCM|CCM|POLY1305') THEN 'no authenticated encryption'
    END;

-- Whether a key exchange withstands a quantum computer: a hybrid with ML-KEM, or Kyber before it.
-- https://docs.aws.amazon.com/kms/latest/developerguide/ct-encapsulate.html
CREATE OR REPLACE TEMP MACRO is_post_quantum(key_exchange) AS
    regexp_matches(lower(key_exchange), 'mlkem|kyber');

-- Whether a record is a data event; records before 1.07 have no category.
CREATE OR REPLACE TEMP MACRO is_data_event(category, management_event) AS
    coalesce(category = 'Data', NOT management_event, false);
