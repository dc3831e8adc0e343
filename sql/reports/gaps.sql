-- Where did deliveries pause for far longer than this account and Region usually do?
--
-- A suspicion and no fact: CloudTrail delivers nothing where nothing happens. The rule is in
-- sql/views/delivered.sql; first_after is empty where nothing more was delivered.
SELECT
    account_id,
    region,
    last_before,
    first_after,
    round(hours, 1) AS hours,
    round(usual_hours, 1) AS usual_hours
FROM delivery_gaps
ORDER BY account_id, region, last_before
