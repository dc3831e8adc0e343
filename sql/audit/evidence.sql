-- What is the answer counted from?
--
-- One reading of the records and one of the ledger. Objects are those of the whole lake: a
-- refused one has no records that could be narrowed down.
WITH by_kind AS MATERIALIZED (
    SELECT
        class,
        event_source,
        is_after_2023,
        event_category = 'Data' OR management_event IS FALSE AS is_data_event,
        read_only,
        total(records, true) AS records,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen
    FROM record_counts
    GROUP BY ALL
),
of_records AS (
    SELECT
        total(records, true) AS records,
        total(records, could_tell_tls(class)) AS records_that_could_tell,
        total(records, tells_tls(class)) AS records_with_tls_version,
        coverage_of(records_with_tls_version, records_that_could_tell) AS coverage_percent,
        total(records, class = 'legacy') AS legacy_calls,
        min(first_seen) FILTER (WHERE class = 'legacy') AS legacy_first_seen,
        max(last_seen) FILTER (WHERE class = 'legacy') AS legacy_last_seen,
        min(first_seen) AS first_record,
        max(last_seen) AS last_record,
        total(records, class = 'unknown value') AS records_with_unknown_tls_version,
        total(records, class = 'absent: unexplained') AS records_unexplained,
        total(records, class = 'absent: record version before 1.08') AS records_before_1_08,
        total(records, is_after_2023) AS records_after_2023,
        total(records, is_data_event) AS data_events,
        total(records, read_only) AS read_events,
        total(records, NOT read_only) AS write_events
    FROM by_kind
),
of_blind_spots AS (
    SELECT count(*) AS blind_spot_services, total(could_tell, true) AS blind_spot_records
    FROM (
        SELECT event_source, total(records, could_tell_tls(class)) AS could_tell
        FROM by_kind
        GROUP BY event_source
        HAVING could_tell > 0 AND NOT bool_or(has_tls_details(class))
    )
),
of_objects AS (
    SELECT
        count(*) AS objects_listed,
        count(*) FILTER (WHERE status IN ('ingested', 'empty')) AS objects_read,
        count(*) FILTER (WHERE status = 'skipped') AS objects_skipped,
        count(*) FILTER (WHERE status = 'refused') AS objects_refused,
        count(*) FILTER (WHERE status = 'archived') AS objects_archived,
        count(*) FILTER (WHERE status = 'missing') AS objects_missing
    FROM objects
)
SELECT
    *,
    (SELECT count(*) FROM delivery_gaps) AS delivery_gaps,
    len(getvariable('sources_not_all_read')) AS sources_not_all_read
FROM of_records, of_blind_spots, of_objects
