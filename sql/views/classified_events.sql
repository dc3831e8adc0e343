-- Which records are asked about, and what does each of them say of TLS: exactly one class each?
--
-- The first class that applies. Sources, and what each class means for an auditor:
-- docs/evidence.md. account_id is the account whose trail has the record.
CREATE OR REPLACE TEMP VIEW classified_events AS
SELECT
    *,
    account_of(
        recipient_account_id, user_identity_account_id, user_identity_session_issuer_account_id
    ) AS account_id,
    CASE
        WHEN is_legacy(tls_version) THEN 'legacy'
        WHEN is_modern(tls_version) THEN 'modern'
        -- A placeholder, a value of another type, or tlsDetails without a version.
        WHEN tls_version IS NOT NULL
            OR tls_cipher_suite IS NOT NULL
            OR tls_client_provided_host_header IS NOT NULL
            OR tls_key_exchange IS NOT NULL
            OR contains(extra, '"tlsDetails"')
        THEN 'unknown value'
        WHEN event_category IN ('Insight', 'NetworkActivity', 'Aggregated')
            OR event_type IN (
                'AwsServiceEvent',
                'AwsVpceEvent',
                'AwsVpceEvents',
                'AwsCloudTrailInsight',
                'AwsAggregatedEvent'
            )
        THEN 'not applicable'
        WHEN user_identity_invoked_by <> '' OR user_identity_type = 'AWSService'
        THEN 'absent: an AWS service called on your behalf'
        WHEN session_credential_from_console = 'true'
            OR event_type IN ('AwsConsoleAction', 'AwsConsoleSignIn')
        THEN 'absent: console'
        WHEN is_before_tls_details(event_version) THEN 'absent: record version before 1.08'
        ELSE 'absent: unexplained'
    END AS class
FROM events;
