-- What do reports count, when many of them are asked of the same records?
--
-- A row of these views stands for `records` records that are alike in its other columns, and
-- that were made from first_seen to last_seen. As they stand here, that is one record. Where an
-- audit asks, sql/audit puts a table in the place of each, in which records that are alike are one
-- row: the same questions then have the same answers, without reading the records once for each.
CREATE OR REPLACE TEMP VIEW record_counts AS
SELECT
    *,
    event_time >= TIMESTAMP '2024-01-01' AS is_after_2023,
    1 AS records,
    event_time AS first_seen,
    event_time AS last_seen
FROM classified_events;

CREATE OR REPLACE TEMP VIEW version_counts AS
SELECT *, 1 AS records, event_time AS first_seen, event_time AS last_seen
FROM events;

-- Those with TLS 1.0 or 1.1 only. day: of the call.
CREATE OR REPLACE TEMP VIEW legacy_counts AS
SELECT
    *,
    event_time::DATE AS day,
    1 AS records,
    event_time AS first_seen,
    event_time AS last_seen
FROM attributed_events
WHERE is_legacy(tls_version);

-- How many records of each class are there, for each value of a column of record_counts?
CREATE OR REPLACE TEMP MACRO coverage_by(dimension) AS TABLE
SELECT
    value,
    total(records, true) AS records,
    coverage_of(total(records, tells_tls(class)), total(records, could_tell_tls(class)))
        AS coverage_percent,
    total(records, class = 'legacy') AS legacy,
    total(records, class = 'modern') AS modern,
    total(records, class = 'unknown value') AS unknown_value,
    total(records, class = 'absent: unexplained') AS unexplained,
    total(records, class = 'absent: record version before 1.08') AS before_1_08,
    total(records, class = 'absent: an AWS service called on your behalf') AS aws_service,
    total(records, class = 'absent: console') AS console,
    total(records, class = 'not applicable') AS not_applicable
FROM (
    SELECT dimension AS value, class, total(records, true) AS records
    FROM record_counts
    GROUP BY dimension, class
)
GROUP BY value;
