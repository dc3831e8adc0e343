-- What do requests cost, in US dollars? As of 26 November 2026; without taxes, discounts, free tiers.
--
-- https://aws.amazon.com/s3/pricing is the price list. LIST is charged at S3 Standard's rate
-- whatever is listed. A Region that is not here is reckoned at the prices of us-east-1; most
-- others ask for up to a tenth more, a few for up to 40 % more. Per GB: what the class charges for
-- being read; moving the bytes out of the Region costs more than all of this, and is not here.
--
-- us-east-1: https://c3x.dev/blog/s3-request-fees-explained
-- eu-central-1: the AWS Price List, published on 31 August 2026 (EUC1-Requests-Tier1)
SELECT *
FROM (VALUES
    ('us-east-1', 'STANDARD', 0.005, 0.0004, 0.0),
    ('us-east-1', 'REDUCED_REDUNDANCY', 0.005, 0.0004, 0.0),
    ('us-east-1', 'INTELLIGENT_TIERING', 0.005, 0.0004, 0.0),
    ('us-east-1', 'STANDARD_IA', 0.005, 0.001, 0.01),
    ('us-east-1', 'ONEZONE_IA', 0.005, 0.001, 0.01),
    ('us-east-1', 'GLACIER_IR', 0.005, 0.01, 0.03),
    ('us-east-1', 'GLACIER', 0.005, 0.0004, 0.0),
    ('us-east-1', 'DEEP_ARCHIVE', 0.005, 0.0004, 0.0),
    ('eu-central-1', 'STANDARD', 0.0054, 0.00043, 0.0)
) AS prices (price_region, storage_class, usd_per_1000_lists, usd_per_1000_gets, usd_per_gb_read)
