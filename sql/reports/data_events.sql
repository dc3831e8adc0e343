-- Does the archive hold data events, of which services?
--
-- Reading and writing S3 objects are data events, which a trail logs only when told to, and only
-- for the buckets it is told. Where they are missing, AWS Health's notices about buckets cannot
-- be checked here; S3 server access logs hold the TLS version, too:
-- https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
WITH by_service AS (
    SELECT
        event_source,
        total(records, true) AS records,
        total(records, is_data_event(event_category, management_event)) AS data_events,
        total(
            records, is_data_event(event_category, management_event) AND is_legacy(tls_version)
        ) AS legacy_data_events
    FROM record_counts
    GROUP BY event_source
    UNION ALL
    SELECT 's3.amazonaws.com', 0, 0, 0
    WHERE EXISTS (FROM record_counts)
)

SELECT
    event_source,
    sum(data_events)::BIGINT AS data_events,
    sum(legacy_data_events)::BIGINT AS legacy_data_events,
    sum(records)::BIGINT AS records,
    CASE
        WHEN event_source != 's3.amazonaws.com' THEN NULL
        WHEN sum(data_events) = 0 THEN
            'No object-level S3 call is logged here; notices about buckets cannot be checked'
        ELSE 'Object-level S3 calls are logged, of the buckets that the trail selects'
    END AS note
FROM by_service
GROUP BY event_source
ORDER BY sum(data_events) DESC, event_source = 's3.amazonaws.com' DESC, event_source
