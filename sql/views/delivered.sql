-- Which logs did CloudTrail deliver, as far as they are asked about: by account and Region?
CREATE OR REPLACE TEMP VIEW delivered AS
SELECT *
FROM objects
WHERE status <> 'skipped'
    AND delivered_at IS NOT NULL
    AND (getvariable('accounts') IS NULL OR list_contains(getvariable('accounts'), account_id))
    AND (getvariable('regions') IS NULL OR list_contains(getvariable('regions'), region));

-- Where did deliveries pause for so long that records may be missing?
--
-- A suspicion and no fact: CloudTrail delivers nothing where nothing happens. What is usual is
-- told by the account and Region itself: the longest pause of each week, and of these the
-- median, which nights, weekends and a few outages do not move. A gap is a pause of a day or
-- more that is over three times as long. After the last delivery the pause lasts until the
-- newest delivery of the whole lake; first_after is then NULL. Of fewer than three weeks
-- nothing is said.
CREATE OR REPLACE TEMP VIEW delivery_gaps AS
WITH newest AS (
    SELECT max(delivered_at) AS newest FROM objects WHERE status <> 'skipped'
),
minutes AS (
    SELECT DISTINCT account_id, region, delivered_at AS last_before FROM delivered
),
pauses AS (
    SELECT
        account_id,
        region,
        last_before,
        lead(last_before) OVER (PARTITION BY account_id, region ORDER BY last_before)
            AS first_after,
        coalesce(first_after, newest) AS ended,
        epoch(ended - last_before) / 3600 AS hours
    FROM minutes, newest
),
longest_of_weeks AS (
    SELECT account_id, region, max(hours) AS hours
    FROM pauses
    WHERE first_after IS NOT NULL
    GROUP BY account_id, region, date_trunc('week', last_before)
),
rhythms AS (
    SELECT account_id, region, median(hours) AS usual_hours
    FROM longest_of_weeks
    GROUP BY account_id, region
    HAVING count(*) >= 3
)
SELECT account_id, region, last_before, first_after, hours, usual_hours
FROM pauses
JOIN rhythms USING (account_id, region)
WHERE hours >= 24
    AND hours > 3 * usual_hours
    AND (getvariable('since') IS NULL OR ended > getvariable('since'))
    AND (getvariable('until') IS NULL OR last_before < getvariable('until'));
