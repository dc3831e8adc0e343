-- Which services were called with outdated TLS, in the columns of CloudWatch Logs Insights?
--
-- The second of the two TLS queries that AWS documents for it:
-- https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html
SELECT eventSource, count(*) AS numOutdatedTlsCalls
FROM cloudtrail
WHERE is_legacy(tlsDetails.tlsVersion)
GROUP BY eventSource
ORDER BY numOutdatedTlsCalls DESC, eventSource
