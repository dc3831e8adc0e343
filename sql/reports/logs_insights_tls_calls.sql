-- Which calls were made with outdated TLS, in the columns of CloudWatch Logs Insights?
--
-- The first of the two TLS queries that AWS documents for it, with its names and its order:
-- https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html
SELECT
    userIdentity.accountId AS "userIdentity.accountId",
    recipientAccountId,
    eventSource,
    eventName,
    awsRegion,
    tlsDetails.tlsVersion AS "tlsDetails.tlsVersion",
    tlsDetails.cipherSuite AS "tlsDetails.cipherSuite",
    userAgent,
    count(*) AS numOutdatedTlsCalls
FROM cloudtrail
WHERE is_legacy(tlsDetails.tlsVersion)
GROUP BY ALL
ORDER BY
    eventSource,
    eventName,
    awsRegion,
    "tlsDetails.tlsVersion",
    "userIdentity.accountId",
    recipientAccountId,
    "tlsDetails.cipherSuite",
    userAgent
