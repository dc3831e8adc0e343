-- What does it cost to restore archived objects, in US dollars? As of 26 November 2026, us-east-1.
--
-- Requests per 1,000 objects, bytes per GB; "hours" is how long AWS says that it takes at most.
-- https://aws.amazon.com/s3/pricing
-- https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
-- https://repost.aws/knowledge-center/s3-manage-data-retrieval
SELECT *
FROM (VALUES
    ('GLACIER', 'Bulk', 12.0, 0.0, 0.0),
    ('GLACIER', 'Standard', 5.0, 0.05, 0.01),
    ('GLACIER', 'Expedited', 0.1, 10.0, 0.03),
    ('DEEP_ARCHIVE', 'Bulk', 48.0, 0.025, 0.0025),
    ('DEEP_ARCHIVE', 'Standard', 12.0, 0.1, 0.02),
    ('INTELLIGENT_TIERING', 'Bulk', 48.0, 0.0, 0.0),
    ('INTELLIGENT_TIERING', 'Standard', 12.0, 0.0, 0.0),
    ('INTELLIGENT_TIERING', 'Expedited', 0.1, 10.0, 0.03)
) AS prices (storage_class, tier, hours, usd_per_1000_objects, usd_per_gb)
