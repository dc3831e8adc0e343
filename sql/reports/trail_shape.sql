-- Which accounts and Regions have trails that leave out management events, reads or writes?
--
-- Data events, such as reading an object in S3, are off unless somebody turns them on; without
-- them nothing is known of the TLS of these calls.
WITH kinds AS (
    SELECT
        account_id,
        aws_region,
        coalesce(event_category, CASE WHEN management_event IS FALSE THEN 'Data' END, 'Management')
            AS category,
        read_only,
        total(records, true) AS records
    FROM record_counts
    GROUP BY account_id, aws_region, event_category, management_event, read_only
),
shapes AS (
    SELECT
        account_id,
        aws_region,
        total(records, true) AS records,
        total(records, category = 'Management') AS management,
        total(records, category = 'Management' AND read_only) AS management_reads,
        total(records, category = 'Management' AND NOT read_only) AS management_writes,
        total(records, category = 'Data') AS data_events
    FROM kinds
    GROUP BY account_id, aws_region
)
SELECT
    account_id,
    aws_region,
    CASE
        WHEN management = 0 THEN 'no management events'
        WHEN management_reads = 0 AND management_writes > 0 THEN 'only writes'
        WHEN management_writes = 0 AND management_reads > 0 THEN 'only reads'
    END AS finding,
    records,
    management_reads,
    management_writes,
    data_events
FROM shapes
WHERE finding IS NOT NULL
ORDER BY account_id NULLS LAST, aws_region NULLS LAST
